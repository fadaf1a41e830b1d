import type { Backend } from '../gpu/backend';
import { CpuBackend } from '../gpu/cpu/backend';
import { WebGpuBackend } from '../gpu/webgpu/backend';
import { openDevice } from '../gpu/webgpu/device';
import { AppError } from '../protocol/errors';
import type { ComputeDevice } from '../protocol/lm-worker';

export interface PickedBackend {
  backend: Backend;
  /** Why it is not WebGPU, for people; absent where it is, or where the CPU was asked for. */
  reason?: string;
}

/**
 * WebGPU where there is graphics hardware, else the CPU with the reason: an adapter in software does the CPU's work, and
 * measured three to five times slower than the CPU backend does (lavapipe, decode and prefill; SwiftShader many times).
 * `webgpu` and `cpu` are taken at their word.
 * @throws AppError UNSUPPORTED where WebGPU was demanded and is not there
 */
export async function pickBackend(
  gpu: GPU | undefined,
  wanted: ComputeDevice | 'auto',
): Promise<PickedBackend> {
  if (wanted === 'cpu') return { backend: new CpuBackend() };
  let reason = 'This browser has no WebGPU.';
  if (gpu) {
    try {
      const opened = await openDevice(gpu, { powerPreference: 'high-performance' });
      if (opened && (wanted === 'webgpu' || !opened.description.software)) {
        return { backend: new WebGpuBackend(opened.device, { description: opened.description }) };
      }
      opened?.device.destroy();
      reason = opened
        ? `The only WebGPU adapter, ${opened.description.name}, is software, and slower than the CPU itself.`
        : 'The browser offers no graphics adapter for WebGPU.';
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  if (wanted === 'auto') return { backend: new CpuBackend(), reason };
  throw new AppError('UNSUPPORTED', `WebGPU cannot be used: ${reason}`, {
    fix: 'Choose "automatic" or the CPU, or open the page in a browser with WebGPU.',
  });
}
