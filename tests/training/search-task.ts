/**
 * The smallest task that is a search: an entity is asked for; the policy writes a query, is shown documents if it was the right one
 * for this entity, and selects one of them. Which query and which document belong to an entity is to be found out by trial.
 */
import type { LoadedModel } from '../../src/lm/engine';
import { Random } from '../../src/lm/random';
import type { Rollout } from '../../src/train/records';

const [BEGIN, ASK, DOCUMENTS, NOTHING, SELECT] = [0, 1, 2, 3, 4];
const ENTITIES = 6;
const FIRST_ENTITY = 5;
const FIRST_QUERY = FIRST_ENTITY + ENTITIES;
const FIRST_DOCUMENT = FIRST_QUERY + ENTITIES;
export const VOCABULARY = FIRST_DOCUMENT + ENTITIES + 1;
/** Of a policy that knows every query and document. */
export const ORACLE = 1;
const SHOWN = 3;

/** Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export class SearchTask {
  readonly #random: Random;
  readonly #queries: number[];
  readonly #documents: number[];

  constructor(seed: number) {
    this.#random = new Random(seed);
    const numbers = Array.from({ length: ENTITIES }, (_, i) => i);
    this.#queries = shuffled(numbers, this.#random).map((i) => FIRST_QUERY + i);
    this.#documents = shuffled(numbers, this.#random).map((i) => FIRST_DOCUMENT + i);
  }

  /** Half of the score for the right query, half for the right document. */
  async collect(engine: LoadedModel, adapter: string | undefined, count: number): Promise<Rollout[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => this.#episode(engine, adapter, i % ENTITIES)));
  }

  async #episode(engine: LoadedModel, adapter: string | undefined, entity: number): Promise<Rollout> {
    const random = new Random(Math.floor(this.#random.uniform() * 2 ** 31));
    const tokens = [BEGIN, FIRST_ENTITY + entity, ASK];
    const promptLength = tokens.length;
    const [actions, logProbs] = [
      [0, 0, 0],
      [0, 0, 0],
    ];
    const act = async (): Promise<number> => {
      const { tokens: drawn, logprobs } = await engine.generateTokens({
        ...{ tokens, maxNewTokens: 1, sampling: { temperature: 1, seed: random.bits() } },
        ...(adapter !== undefined && { adapter }),
      });
      tokens.push(drawn[0]!);
      actions.push(1);
      logProbs.push(logprobs[0]!);
      return drawn[0]!;
    };
    const observe = (...seen: number[]): void => {
      tokens.push(...seen);
      actions.push(...seen.map(() => 0));
      logProbs.push(...seen.map(() => 0));
    };
    const found = (await act()) === this.#queries[entity];
    const right = this.#documents[entity]!;
    const others = shuffled(
      this.#documents.filter((document) => document !== right),
      random,
    );
    const shown = shuffled([right, ...others.slice(0, SHOWN - 1)], random);
    observe(DOCUMENTS, ...(found ? shown : [NOTHING, NOTHING, NOTHING]), SELECT);
    const score = (found ? 0.5 : 0) + (found && (await act()) === right ? 0.5 : 0);
    return {
      question: { id: String(entity), source: 'task', question: `entity ${entity}`, goldAnswers: [] },
      ...{ events: [], reward: { score, accuracy: score }, tokens, promptLength },
      ...{ actions: Uint8Array.from(actions), logProbs: Float32Array.from(logProbs), exactLogProbs: true },
    };
  }
}
