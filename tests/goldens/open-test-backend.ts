import { openNodeDevice, type AdapterChoice } from '../../src/platform/node/webgpu';
import { WebGpuBackend, type WebGpuBackendOptions } from '../../src/gpu/webgpu/backend';

/** The backend on the adapter named, or by `S3_ADAPTER`; throws, and so fails the test, where it cannot be had. */
export async function openTestBackend(
  options: Partial<WebGpuBackendOptions> = {},
  adapter?: AdapterChoice,
): Promise<WebGpuBackend> {
  const opened = await openNodeDevice(adapter);
  if (!opened) throw new Error('There is no WebGPU adapter.');
  return new WebGpuBackend(opened.device, { description: opened.description, ...options });
}
