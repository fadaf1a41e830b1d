import { AppError } from '../../protocol/errors';
import type { Kernel } from './kernel';

/** A kernel's pipeline; `pipeline` is there once `Pipelines.ready` has resolved. */
export interface BuiltKernel {
  kernel: Kernel;
  layout: GPUBindGroupLayout;
  pipeline: GPUComputePipeline | undefined;
}

const BUFFER_TYPES: Record<string, GPUBufferBindingType> = {
  uniform: 'uniform',
  read: 'read-only-storage',
  write: 'storage',
};

/** Compiles every kernel once, all of them side by side. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #built = new Map<string, BuiltKernel>();
  #compiling: Promise<void>[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(kernel: Kernel): BuiltKernel {
    const known = this.#built.get(kernel.code);
    if (known) return known;
    const layout = this.#device.createBindGroupLayout({
      label: kernel.name,
      entries: kernel.bindings.map(({ kind }, binding) => ({
        binding,
        visibility: 4, // GPUShaderStage.COMPUTE, which is not a global in Node
        buffer: { type: BUFFER_TYPES[kind] ?? 'storage' },
      })),
    });
    const built: BuiltKernel = { kernel, layout, pipeline: undefined };
    this.#built.set(kernel.code, built);
    this.#compiling.push(this.#compile(built));
    return built;
  }

  /** @throws AppError INTERNAL naming the kernel that did not compile. */
  async ready(): Promise<void> {
    const compiling = this.#compiling;
    this.#compiling = [];
    const results = await Promise.allSettled(compiling);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #compile(built: BuiltKernel): Promise<void> {
    const { kernel, layout } = built;
    try {
      built.pipeline = await this.#device.createComputePipelineAsync({
        label: kernel.name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: this.#device.createShaderModule({ label: kernel.name, code: kernel.code }) },
      });
    } catch (cause) {
      this.#built.delete(kernel.code);
      throw new AppError('INTERNAL', `The GPU kernel ${kernel.name} did not compile: ${String(cause)}`, {
        fix: 'Switch to the CPU, and report this with the name of your graphics adapter.',
        cause,
      });
    }
  }
}
