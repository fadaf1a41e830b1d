import { openDevice } from '../../src/gpu/webgpu/device';
import { WebGpuBackend } from '../../src/gpu/webgpu/backend';
import { openNodeGpu } from '../../src/platform/node/webgpu';

/** A backend on the adapter that S3_ADAPTER names, or else on the one that WebGPU prefers. */
export async function openAdapter(): Promise<WebGpuBackend> {
  const opened = await openDevice(await openNodeGpu());
  if (!opened) {
    throw new Error('No WebGPU adapter was found. S3_ADAPTER=lavapipe or swiftshader names one in software.');
  }
  return new WebGpuBackend(opened.device, { description: opened.description });
}
