import type { Backend } from '../gpu/backend';
import { planMemory } from '../lm/budget';
import { parseModelConfig } from '../lm/config';
import { slotType } from '../lm/weight-types';
import { weightTable } from '../lm/weights-table';
import type { ModelFiles } from '../lm/local-model';
import type { AdapterShape } from '../protocol/model-library';
import type { WeightType } from '../protocol/model-import';
import { AppError } from '../protocol/errors';
import type { LoadLocalModelRequest } from '../protocol/lm-worker';
import { doesNotFit, type MemorySetting } from './smaller-setting';

/** The CPU backend reads some GB/s: a model beyond this would write a word in several seconds. */
const MOST_ON_CPU = 2e9;
/** As the engine's defaults are. */
const DEFAULT_CONTEXT = 4096;
const DEFAULT_SLOTS = { webgpu: 4, cpu: 1 } as const;

/** Whether a model fits, and what to say if it does not. */
export class MemoryFit {
  readonly #title: string;
  readonly #backend: Backend;
  readonly #setting: MemorySetting;
  readonly #stored: WeightType | null;
  readonly #need: (setting: MemorySetting) => number;

  /** @throws AppError BAD_INPUT, UNSUPPORTED for a config that is none */
  constructor(
    title: string,
    files: ModelFiles,
    request: LoadLocalModelRequest,
    backend: Backend,
    adapters: readonly AdapterShape[] = [],
  ) {
    const config = parseModelConfig(files.config);
    const { checkpoint } = files;
    const { kind } = backend.description;
    const [layer] = weightTable(config).layers;
    this.#stored = layer ? slotType(layer.down, undefined, checkpoint) : null;
    this.#title = title;
    this.#backend = backend;
    this.#setting = {
      weights: request.weights,
      maxContext: request.maxContext ?? Math.min(config.nativePositions, DEFAULT_CONTEXT),
      slots: request.slots ?? DEFAULT_SLOTS[kind],
    };
    const { preferredRows } = backend;
    this.#need = (setting) => planMemory({ config, checkpoint, preferredRows, adapters, ...setting }).total;
  }

  /** What most of the matrices are in memory. */
  get weights(): WeightType {
    return this.#setting.weights ?? this.#stored ?? 'f32';
  }

  /** @throws AppError UNSUPPORTED where the CPU was not asked for and would be too slow to be of use */
  requireSmallOnCpu(): void {
    const bytes = this.#need(this.#setting);
    if (this.#backend.description.kind !== 'cpu' || bytes <= MOST_ON_CPU) return;
    const size = `${(bytes / 1e9).toFixed(1)} GB`;
    throw new AppError(
      'UNSUPPORTED',
      `“${this.#title}” needs ${size} of memory, which is a graphics card's work.`,
      {
        fix: 'Choose a smaller model, or the CPU in the settings of the run to try it slowly all the same.',
        context: { neededBytes: bytes },
      },
    );
  }

  /** `OUT_OF_MEMORY` with the smaller setting that may fit. */
  describe(): AppError {
    const { kind, name } = this.#backend.description;
    const device = kind === 'cpu' ? 'this browser' : name;
    return doesNotFit(this.#title, device, this.#setting, this.#need, this.#stored);
  }
}
