import { AppError } from '../../protocol/errors';
import type { Extent, Operation } from '../backend';
import type { Kernel } from './kernel';
import type { BuiltKernel, Pipelines } from './pipelines';
import type { Tuning } from './tuning';

export type Workgroups = [number, number];

/** One dispatch: what runs over which buffers, and how much of it for how many rows. */
export interface Dispatch {
  built: BuiltKernel;
  bindGroup: GPUBindGroup;
  workgroups: (rows: number) => Workgroups;
}

export class GpuOperation implements Operation {
  constructor(
    readonly name: string,
    readonly rows: Extent,
    /** The dispatches for the extent's present value. */
    readonly select: (rows: Extent) => readonly Dispatch[],
  ) {}

  encode(pass: GPUComputePassEncoder): void {
    const rows = this.rows.value;
    if (rows === 0) return;
    for (const { built, bindGroup, workgroups } of this.select(this.rows)) {
      if (!built.pipeline) throw new AppError('INTERNAL', `${this.name} was run before it was ready.`);
      pass.setPipeline(built.pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups(rows));
    }
  }
}

export interface OperationContext {
  device: GPUDevice;
  pipelines: Pipelines;
  tuning: Tuning;
  extentBuffer: (extent: Extent) => GPUBuffer;
  /**
   * A buffer for `floats` intermediate results, shared by all operations: they run one after the other. For a float a row at most, since
   * it stays until the backend goes, and is not in `liveBytes`; what is larger is a tensor of the caller's.
   */
  scratch: (floats: number) => GPUBuffer;
}

/** Binds the extent's buffer first, then the others in order. */
export function makeDispatch(
  { device, pipelines, extentBuffer }: OperationContext,
  kernel: Kernel,
  rows: Extent,
  buffers: readonly GPUBuffer[],
  workgroups: Dispatch['workgroups'],
): Dispatch {
  const built = pipelines.get(kernel);
  const entries = [extentBuffer(rows), ...buffers].map((buffer, binding) => ({
    binding,
    resource: { buffer },
  }));
  const bindGroup = device.createBindGroup({ label: kernel.name, layout: built.layout, entries });
  return { built, bindGroup, workgroups };
}
