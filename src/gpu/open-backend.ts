import { AppError } from '../protocol/errors';
import type { Backend } from './backend';
import { CpuBackend } from './cpu/backend';
import type { OpenedDevice } from './webgpu/device';
import { WebGpuBackend } from './webgpu/backend';

/**
 * `auto` takes WebGPU on hardware. A software adapter computes on the same processor as the CPU backend, only slower
 * (SwiftShader about ten times, lavapipe twice for a model of 2 M parameters), so `auto` prefers the CPU backend to it.
 */
export type BackendChoice = 'auto' | 'webgpu' | 'cpu';

/**
 * @param open gives a device of the platform, or `null` where there is none; not called for `cpu`.
 * @throws AppError UNSUPPORTED if `webgpu` was asked for and there is no adapter.
 */
export async function openBackend(
  choice: BackendChoice,
  open: () => Promise<OpenedDevice | null>,
): Promise<Backend> {
  if (choice === 'cpu') return new CpuBackend();
  const opened = await open();
  if (opened && (choice === 'webgpu' || !opened.description.software)) {
    return new WebGpuBackend(opened.device, { description: opened.description });
  }
  opened?.device.destroy();
  if (choice === 'auto') return new CpuBackend();
  throw new AppError('UNSUPPORTED', 'There is no WebGPU adapter here.', {
    fix: 'Use the CPU, or a browser and graphics driver with WebGPU.',
  });
}
