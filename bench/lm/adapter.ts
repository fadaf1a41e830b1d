import { openDevice } from '../../src/gpu/webgpu/device';
import { WebGpuBackend } from '../../src/gpu/webgpu/backend';
import { tuningFor, type Tuning } from '../../src/gpu/webgpu/tuning';
import { openNodeGpu } from '../../src/platform/node/webgpu';

/** A backend on the adapter that S3_ADAPTER names, or else on the one that WebGPU prefers; `changed`: choices forced. */
export async function openAdapter(changed: Partial<Tuning> = {}): Promise<WebGpuBackend> {
  const opened = await openDevice(await openNodeGpu());
  if (!opened) {
    throw new Error('No WebGPU adapter was found. S3_ADAPTER=lavapipe or swiftshader names one in software.');
  }
  const { device, description } = opened;
  return new WebGpuBackend(device, { description, tuning: { ...tuningFor(description), ...changed } });
}
