/** Operations over all elements of tensors, whatever the step's rows: clearing, norms, the optimiser. */
import type { Extent, Operation, Tensor } from '../../backend';
import { SQUARE_PARTS, type AdamWArguments, type SquareSumArguments } from '../../training';
import { checkAdamW, checkSquareSum } from '../../training-checks';
import { GpuOperation, makeDispatch, type Dispatch, type OperationContext } from '../dispatch';
import { gpuTensor } from '../tensor';
import { adamWKernel, clearKernel, elementWorkgroups, squareSumKernel } from './optimiser';

export class ElementOperations {
  readonly #context: OperationContext;
  readonly #makeExtent: () => Extent;
  /** Kernels are bound to an extent; here it is always one row. */
  #one: Extent | undefined;

  constructor(context: OperationContext, makeExtent: () => Extent) {
    this.#context = context;
    this.#makeExtent = makeExtent;
  }

  clear(tensor: Tensor): Operation {
    const { shards, rowLength } = gpuTensor(tensor);
    return this.#operation(
      'clear',
      shards.map(({ buffer, rows }) => {
        const count = rows * rowLength;
        return makeDispatch(this.#context, clearKernel(count), this.#extent(), [buffer], () =>
          elementWorkgroups(count),
        );
      }),
    );
  }

  adamW(a: AdamWArguments): Operation {
    checkAdamW(a);
    const settings = gpuTensor(a.settings).buffer;
    const [value, gradient, first, second] = [a.value, a.gradient, a.first, a.second].map(gpuTensor);
    // Tensors of one shape are cut alike.
    const dispatches = (value?.shards ?? []).map(({ rows }, i) => {
      const count = rows * (value?.rowLength ?? 0);
      const parts = [gradient, value, first, second].map((tensor) => tensor!.shards[i]!.buffer);
      return makeDispatch(this.#context, adamWKernel(count), this.#extent(), [settings, ...parts], () =>
        elementWorkgroups(count),
      );
    });
    return this.#operation('adamW', dispatches);
  }

  squareSum(a: SquareSumArguments): Operation {
    checkSquareSum(a);
    const { device, pipelines, extentBuffer } = this.#context;
    const { shards, rowLength } = gpuTensor(a.input);
    const size = SQUARE_PARTS * 4;
    const output = { buffer: gpuTensor(a.output).buffer, offset: a.row * size, size };
    const dispatches = shards.map(({ buffer, rows }, shard): Dispatch => {
      const kernel = squareSumKernel(rows * rowLength, shard > 0);
      const built = pipelines.get(kernel);
      const entries = [{ buffer: extentBuffer(this.#extent()) }, { buffer }, output].map(
        (resource, binding) => ({ binding, resource }),
      );
      const bindGroup = device.createBindGroup({ label: kernel.name, layout: built.layout, entries });
      return { built, bindGroup, workgroups: () => [SQUARE_PARTS, 1] };
    });
    return this.#operation('squareSum', dispatches);
  }

  dispose(): void {
    this.#one?.dispose();
    this.#one = undefined;
  }

  #extent(): Extent {
    this.#one ??= this.#makeExtent();
    this.#one.value = 1;
    return this.#one;
  }

  #operation(name: string, dispatches: readonly Dispatch[]): Operation {
    return new GpuOperation(name, this.#extent(), () => dispatches);
  }
}
