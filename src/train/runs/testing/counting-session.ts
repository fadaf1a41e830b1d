/** A session without a model: its parameter is a sum over everything that it was trained on, so that any step left out or done twice shows. */
import { throwIfAborted } from '../../../protocol/errors';
import type { Rollout, TrainerState, TrainingQuestion } from '../../records';
import type { CollectRequest, OpenSession, RunTrainer, TrainingSession } from '../session';

export class CountingTrainer implements RunTrainer {
  weight = Float32Array.of(1, 2);
  updates = 0;
  published: number | undefined;
  /** Called in the middle of an update. */
  during: () => Promise<void> | void = () => undefined;

  async step(
    rollouts: readonly Rollout[],
    { signal }: { signal?: AbortSignal },
  ): ReturnType<RunTrainer['step']> {
    const before = this.weight.slice();
    for (const { reward, question } of rollouts) {
      this.weight[0] = this.weight[0]! * 1.01 + reward.score + question.id.length;
    }
    await this.during();
    if (signal?.aborted) {
      this.weight = before;
      throwIfAborted(signal);
    }
    this.weight[1]! += 0.125;
    this.updates += 1;
    const per = rollouts.map(({ tokens }) => new Float32Array(tokens.length).fill(0.5));
    return { metrics: { policyLoss: this.weight[0]! }, advantages: per, values: per };
  }

  publish(): Promise<void> {
    this.published = this.updates;
    return Promise.resolve();
  }

  read(): Promise<TrainerState> {
    const tensors = [{ name: 'weight', shape: [2], values: this.weight.slice() }];
    return Promise.resolve({ tensors, numbers: { updates: this.updates } });
  }

  restore({ tensors, numbers }: TrainerState): Promise<void> {
    this.weight = tensors[0]!.values.slice();
    this.updates = numbers['updates']!;
    return Promise.resolve();
  }

  adapter() {
    return Promise.resolve({ rankStabilised: false, baseModel: undefined, pairs: [] });
  }
}

export const someQuestions = (count: number): TrainingQuestion[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `q${'x'.repeat(i)}`, source: 'test', question: `Question ${i}?`, goldAnswers: ['yes'] },
  }));

const rolloutOf = (question: TrainingQuestion, step: number, i: number): Rollout => ({
  question,
  events: [],
  reward: { score: ((step * 7 + i * 3) % 5) / 4, accuracy: 1 },
  ...{ tokens: [1, 2, 3, 4], promptLength: 2 },
  ...{ actions: Uint8Array.of(0, 0, 1, 1), logProbs: Float32Array.of(0, 0, -1, -1) },
});

export interface CountingOptions {
  questions?: readonly TrainingQuestion[];
  /** Called before the rollouts of a step. */
  before?: (request: CollectRequest, session: CountingSession) => Promise<void> | void;
}

export class CountingSession implements TrainingSession {
  readonly questions: readonly TrainingQuestion[];
  readonly trainer = new CountingTrainer();
  readonly asked: { step: number; ids: string[] }[] = [];
  disposed = false;
  readonly weightBytes = 8;
  readonly plannedBytes = 32;
  readonly device = 'cpu';
  readonly deviceName = 'a counter';
  readonly #before: CountingOptions['before'];

  constructor({ questions = someQuestions(7), before }: CountingOptions = {}) {
    this.questions = questions;
    this.#before = before;
  }

  async collect(questions: readonly TrainingQuestion[], request: CollectRequest): Promise<Rollout[]> {
    await request.pass();
    await this.#before?.(request, this);
    this.asked.push({ step: request.step, ids: questions.map(({ id }) => id) });
    request.onProgress({ done: questions.length, total: questions.length });
    return questions.map((question, i) => rolloutOf(question, request.step, i));
  }

  texts(tokens: readonly number[]): string[] {
    return tokens.map(String);
  }

  liveBytes(): number {
    return 16;
  }

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

/** Opens such sessions and keeps them to be looked at. */
export function countingSessions(options: CountingOptions = {}): {
  open: OpenSession;
  sessions: CountingSession[];
} {
  const sessions: CountingSession[] = [];
  const open: OpenSession = () => {
    const session = new CountingSession(options);
    sessions.push(session);
    return Promise.resolve(session);
  };
  return { open, sessions };
}
