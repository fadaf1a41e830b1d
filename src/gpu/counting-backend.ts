/** A backend for plans: the code that builds a model, or a trainer, runs on it, and what it would allocate is counted. */
import { AppError } from '../protocol/errors';
import type { Backend, BackendDescription, Extent, Operation, Tensor } from './backend';
import { tensorBytes } from './dtype';
import type { TrainingOperations } from './training';

/** A tensor that only says how large it would be. */
export function counted(label: string, shape: readonly number[], dtype: Tensor['dtype']): Tensor {
  return { label, shape, dtype, bytes: tensorBytes(dtype, shape), dispose: () => undefined };
}

const built = (name: string) => (): Operation => ({ name });

/** Takes every allocation and does nothing. */
export class CountingBackend implements Backend {
  readonly description: BackendDescription = {
    kind: 'cpu',
    ...{ name: 'counter', vendor: '', architecture: '' },
    ...{ software: true, f16: false, subgroups: false },
  };
  readonly preferredRows = 1;
  liveBytes = 0;
  readonly #extentBytes: number;

  constructor(extentBytes: number) {
    this.#extentBytes = extentBytes;
  }

  readonly operations = {
    embed: built('embed'),
    linear: built('linear'),
    gatedLinear: built('gatedLinear'),
    gate: built('gate'),
    headNorm: built('headNorm'),
    rotateAndCache: built('rotateAndCache'),
    attention: built('attention'),
    copyCache: built('copyCache'),
    selectRows: built('selectRows'),
    rowStatistics: built('rowStatistics'),
    sample: built('sample'),
  } satisfies Backend['operations'];

  tensor(label: string, shape: readonly number[], dtype: Tensor['dtype'] = 'f32'): Tensor {
    const tensor = counted(label, shape, dtype);
    this.liveBytes += tensor.bytes;
    return tensor;
  }

  extent(maximum: number): Extent {
    this.liveBytes += this.#extentBytes;
    return { maximum, value: maximum, oneSequence: false, keys: 0, dispose: () => undefined };
  }

  write(): void {
    // Nothing is kept.
  }

  writeBlocks(): void {
    // Nothing is kept.
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  run(): Promise<never> {
    return Promise.reject(new AppError('INTERNAL', 'A backend that counts does not compute.'));
  }

  dispose(): void {
    // Nothing was made.
  }
}

/** The training operations, as they take their place in a program. */
export const countingTrainingOperations = (): TrainingOperations => ({
  rmsNorm: built('rmsNorm'),
  rmsNormGradient: built('rmsNormGradient'),
  headNormGradient: built('headNormGradient'),
  rotateGradient: built('rotateGradient'),
  attentionGradient: built('attentionGradient'),
  gateGradient: built('gateGradient'),
  linearInputGradient: built('linearInputGradient'),
  linearWeightGradient: built('linearWeightGradient'),
  biasGradient: built('biasGradient'),
  embedGradient: built('embedGradient'),
  copyRows: built('copyRows'),
  scatterRows: built('scatterRows'),
  tokenStatistics: built('tokenStatistics'),
  logitGradient: built('logitGradient'),
  clear: built('clear'),
  squareSum: built('squareSum'),
  adamW: built('adamW'),
  dispose: () => undefined,
});
