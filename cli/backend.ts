import type { Backend } from '../src/gpu/backend';
import { CpuBackend } from '../src/gpu/cpu/backend';
import { WebGpuBackend } from '../src/gpu/webgpu/backend';
import { openDevice, type OpenedDevice } from '../src/gpu/webgpu/device';
import { openNodeGpu } from '../src/platform/node/webgpu';
import { AppError } from '../src/protocol/errors';
import { oneOf, type Console } from './command';

export type DeviceChoice = 'webgpu' | 'cpu' | 'auto';

/** Opens what local models run on, and says so: WebGPU where the package and an adapter are there, else the CPU. */
export async function openBackend(console: Pick<Console, 'note'>, choice: DeviceChoice): Promise<Backend> {
  const opened = choice === 'cpu' ? 'it was chosen' : await tryWebGpu(choice);
  if (typeof opened !== 'string') {
    const { name, f16 } = opened.description;
    console.note(`Models run on WebGPU: ${name}${f16 ? ', f16' : ''}`);
    return new WebGpuBackend(opened.device, { description: opened.description });
  }
  if (choice === 'webgpu') {
    throw new AppError('UNSUPPORTED', `WebGPU cannot be used: ${opened}.`, {
      fix: 'Choose --device cpu, or install a Vulkan driver (lavapipe is one in software).',
    });
  }
  console.note(`Models run on the CPU: ${opened}.`);
  return new CpuBackend();
}

/** The device, or why there is none. */
async function tryWebGpu(choice: DeviceChoice): Promise<OpenedDevice | string> {
  try {
    const opened = await openDevice(await openNodeGpu());
    if (!opened) return 'no WebGPU adapter was found';
    if (choice === 'webgpu' || !opened.description.software) return opened;
    opened.device.destroy();
    return `the only WebGPU adapter, ${opened.description.name}, is software, and slower than the CPU itself (--device webgpu takes it all the same)`;
  } catch (error) {
    // `npm start` installs no development packages, and this is one.
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (missing) return 'the package webgpu is not installed (`npm install` adds it)';
    throw error;
  }
}

/** The option of every command that loads weights. */
export const deviceOption = {
  type: 'string',
  value: 'webgpu|cpu',
  help: 'for local models; default: WebGPU where there is graphics hardware, else the CPU',
} as const;

export const readDevice = (text: string | undefined): DeviceChoice =>
  oneOf('device', text, ['webgpu', 'cpu', 'auto'], 'auto');
