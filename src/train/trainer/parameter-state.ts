/** Parameters and their optimiser as named tensors, and back: under PEFT's names where they are an adapter, else Hugging Face's. */
import type { Backend } from '../../gpu/backend';
import { AppError } from '../../protocol/errors';
import type { ModelConfig } from '../../lm/config';
import { slotsOf, weightTable } from '../../lm/weights-table';
import { readParameters, type Parameter } from '../graph/parameters';
import type { AdamW } from '../optimiser';
import type { TrainerState } from '../records';

type NamedTensor = TrainerState['tensors'][number];

/** Rows of a parameter that have a name of their own in a checkpoint: q, k and v lie one below the other in one tensor. */
interface Part {
  name: string;
  shape: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** What each parameter is called in a checkpoint; those that are not the model's own weights keep their name. */
export function checkpointNames(config: ModelConfig): (parameter: Parameter) => readonly Part[] {
  const slots = new Map(slotsOf(weightTable(config)).map(({ label, sources }) => [label, sources]));
  return ({ name, value }) => slots.get(name) ?? [{ name, shape: value.shape }];
}

const KINDS = { value: '', first: '.first_moment', second: '.second_moment' } as const;
type Kind = keyof typeof KINDS;

export class ParameterState {
  readonly #backend: Backend;
  readonly #prefix: string;
  readonly #parameters: readonly Parameter[];
  readonly #optimiser: AdamW;
  readonly #parts: readonly (readonly Part[])[];

  /** @param prefix Before every name: `''` for the policy, `critic.` for the critic */
  constructor(
    backend: Backend,
    prefix: string,
    parameters: readonly Parameter[],
    optimiser: AdamW,
    names: (parameter: Parameter) => readonly Part[],
  ) {
    this.#backend = backend;
    this.#prefix = prefix;
    this.#parameters = parameters;
    this.#optimiser = optimiser;
    this.#parts = parameters.map(names);
  }

  /** Values, then both moments. */
  async read(): Promise<NamedTensor[]> {
    const value = await readParameters(this.#backend, this.#parameters, 'value');
    const { first, second } = await this.#optimiser.read();
    const all = { value, first, second };
    return (['value', 'first', 'second'] as const).flatMap((kind) => this.#split(all[kind], kind));
  }

  async values(): Promise<NamedTensor[]> {
    return this.#split(await readParameters(this.#backend, this.#parameters, 'value'), 'value');
  }

  /**
   * What writes the tensors back, once everything else of a checkpoint has been found to fit as well.
   * @throws AppError BAD_INPUT for a tensor that is missing or has another size
   */
  prepare(tensors: ReadonlyMap<string, NamedTensor>, updates: number): () => void {
    const found = {
      value: this.#join(tensors, 'value'),
      first: this.#join(tensors, 'first'),
      second: this.#join(tensors, 'second'),
    };
    return () => {
      this.#parameters.forEach(({ value }, i) => this.#backend.write(value, found.value[i]!));
      this.#optimiser.restore({ updates, first: found.first, second: found.second });
    };
  }

  #nameOf = (part: Part, kind: Kind): string => `${this.#prefix}${part.name}${KINDS[kind]}`;

  #split(values: readonly Float32Array[], kind: Kind): NamedTensor[] {
    return this.#parts.flatMap((parts, i) => {
      let from = 0;
      return parts.map((part) => {
        const begin = from;
        from += sizeOf(part.shape);
        const own = values[i]!.slice(begin, from);
        return { name: this.#nameOf(part, kind), shape: part.shape, values: own };
      });
    });
  }

  #join(tensors: ReadonlyMap<string, NamedTensor>, kind: Kind): Float32Array[] {
    return this.#parts.map((parts) => {
      const whole = new Float32Array(parts.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
      let from = 0;
      for (const part of parts) {
        const name = this.#nameOf(part, kind);
        const tensor = tensors.get(name);
        if (tensor?.values.length !== sizeOf(part.shape)) {
          throw new AppError('BAD_INPUT', `The checkpoint belongs to another run: ${name} does not fit.`, {
            fix: 'Choose a checkpoint of this run, or one of the same model, rank and modules.',
            context: { tensor: name },
          });
        }
        whole.set(tensor.values, from);
        from += tensor.values.length;
      }
      return whole;
    });
  }
}
