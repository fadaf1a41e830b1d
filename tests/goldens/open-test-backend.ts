import { openDevice, type OpenedDevice } from '../../src/gpu/webgpu/device';
import { WebGpuBackend, type WebGpuBackendOptions } from '../../src/gpu/webgpu/backend';
import { openNodeGpu, type AdapterChoice } from '../../src/platform/node/webgpu';

/** A device on the adapter named, or by `S3_ADAPTER`; throws, and so fails the test, where it cannot be had. */
export async function openTestDevice(adapter?: AdapterChoice): Promise<OpenedDevice> {
  const opened = await openDevice(await openNodeGpu(adapter));
  if (!opened) throw new Error('There is no WebGPU adapter.');
  return opened;
}

export async function openTestBackend(
  options: Partial<WebGpuBackendOptions> = {},
  adapter?: AdapterChoice,
): Promise<WebGpuBackend> {
  const { device, description } = await openTestDevice(adapter);
  return new WebGpuBackend(device, { description, ...options });
}
