/**
 * The episodes of a training step: the agent loop of the Ask page, many questions at a time over one engine, which decodes them
 * together while others search.
 */
import type { Clock } from '../../agent/run-events';
import type { S3Settings } from '../../agent/settings';
import { makeSystem, type SystemSettings } from '../../agent/systems';
import { AppError, isAbort, throwIfAborted, toEnvelope } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';
import type { Retriever } from '../../protocol/retrieval';
import type { System } from '../../protocol/system';
import type { SystemId, TraceEvent } from '../../protocol/trace';
import type { PpoConfig } from '../ppo/config';
import type { Rollout, TrainingQuestion } from '../records';
import type { Reward } from '../rewards/reward';
import { EpisodeRecorder, type Policy, type PolicySampling } from './recorder';
import { rolloutSeed } from './seed';
import { trainingSequence } from './sequence';
import { SILENT_GENERATOR } from './silent-generator';

export interface CollectOptions {
  questions: readonly TrainingQuestion[];
  /** Episodes of each question; its rollouts lie side by side in the result. Default 1. */
  rolloutsPerPrompt?: number;
  policy: Policy;
  retriever: Retriever;
  /** For systems that search by words. */
  bm25?: Retriever;
  generator: LanguageModel;
  reward: Reward;
  /** Default `s3`. */
  system?: SystemId;
  settings?: Partial<S3Settings>;
  systemSettings?: SystemSettings;
  sampling: PolicySampling;
  lengths: PpoConfig['lengths'];
  /** The run's. */
  seed: number;
  step: number;
  /**
   * Episodes at a time. With as many as the engine has slots, each finds its prefix in the cache when its next turn comes; with more,
   * they push one another out of it (the demo's episodes over four slots: half as many tokens again are computed with eight at a time),
   * which only a slow retriever makes worth it.
   */
  concurrency: number;
  clock: Clock;
  signal?: AbortSignal;
  /** Called after every episode. */
  onProgress?: (progress: { done: number; total: number; failed: number }) => void;
}

/** Errors after which no other episode can succeed. */
const FATAL: ReadonlySet<string> = new Set(['DEVICE_LOST', 'OUT_OF_MEMORY']);

/**
 * One rollout for each question and repetition, in this order. An episode that fails is there, marked as failed.
 * @throws AppError ABORTED, DEVICE_LOST, OUT_OF_MEMORY, BAD_INPUT; what the reward's check throws; the first failure where all fail
 */
export async function collectRollouts(options: CollectOptions): Promise<Rollout[]> {
  const { questions, rolloutsPerPrompt = 1, reward, sampling, signal, onProgress } = options;
  if (!(sampling.temperature > 0)) {
    throw new AppError(
      'BAD_INPUT',
      'A policy is trained on what it samples, and at temperature 0 it does not sample.',
      {
        fix: 'Choose a temperature above 0, such as 0.6.',
      },
    );
  }
  reward.check?.(questions);
  const tasks = questions.flatMap((question) =>
    Array.from({ length: rolloutsPerPrompt }, (_, repetition) => ({ question, repetition })),
  );
  const total = tasks.length;
  const stop = new AbortController();
  const running = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const rollouts = new Array<Rollout | undefined>(total);
  let next = 0;
  let done = 0;
  let failed = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < total; at = next++) {
      const task = tasks[at];
      if (!task) return;
      // A signal of its own: many listeners on one make Node warn of a leak.
      const own = AbortSignal.any([running]);
      const rollout = await runEpisode(options, task.question, task.repetition, own);
      rollouts[at] = rollout;
      done += 1;
      if (rollout.failed) failed += 1;
      onProgress?.({ done, total, failed });
    }
  };
  const workers = Array.from({ length: Math.min(total, Math.max(1, options.concurrency)) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(workers);
    throw error;
  }
  const all = rollouts.filter((rollout) => rollout !== undefined);
  const first = all[0]?.failed;
  if (first && all.every((rollout) => rollout.failed)) throw AppError.from(first);
  return all;
}

async function runEpisode(
  options: CollectOptions,
  question: TrainingQuestion,
  repetition: number,
  signal: AbortSignal,
): Promise<Rollout> {
  throwIfAborted(signal);
  const recorder = new EpisodeRecorder(options.policy, options.sampling);
  const events: TraceEvent[] = [];
  try {
    const seed = rolloutSeed(options.seed, options.step, question.id, repetition);
    const run = systemFor(options, recorder).run(question.question, {
      ...{ signal, seed, goldAnswers: question.goldAnswers },
      ...(question.goldIds && { goldIds: question.goldIds }),
    });
    for await (const event of run) if (event.type !== 'delta') events.push(event);
    const last = events.at(-1);
    if (last?.type === 'failed') throw AppError.from(last.error);
    const { prompt, segments, calls } = recorder;
    if (!prompt || calls.length === 0)
      throw new AppError('INTERNAL', 'The episode never asked its searcher.');
    const { engine } = options.policy;
    const { start, prompt: most } = options.lengths;
    const kept = Math.min(start, prompt.length);
    const limits = { start, response: Math.min(most, engine.maxContext - kept) };
    const sequence = trainingSequence({ prompt, segments, calls }, limits);
    const reward = await options.reward.score({ question, system: options.system ?? 's3', events }, signal);
    return { question, events, reward, ...sequence };
  } catch (error) {
    throwIfAborted(signal);
    const failure = toEnvelope(error);
    if (isAbort(error) || FATAL.has(failure.code)) throw error;
    return failedRollout(question, events, failure);
  }
}

function systemFor(options: CollectOptions, searcher: LanguageModel): System {
  const { retriever, bm25, clock, sampling, lengths, reward, systemSettings } = options;
  const generator = reward.needsAnswer ? options.generator : SILENT_GENERATOR;
  const settings: Partial<S3Settings> = {
    ...options.settings,
    searcherTemperature: sampling.temperature,
    searcherTopP: sampling.topP,
    startTokens: lengths.start,
    promptTokens: lengths.prompt,
    responseTokens: lengths.response,
    observationTokens: lengths.observation,
  };
  // The recipe's turns and documents hold for every agent; DeepRetrieval's one search is its first.
  const { maxTurns, documentsPerQuery } = settings;
  if (options.system === 'deepretrieval' && documentsPerQuery !== undefined) {
    settings.initialDocuments = documentsPerQuery;
  }
  const { prompt: promptTokens, response: responseTokens, observation: observationTokens } = lengths;
  const systems: SystemSettings = {
    ...systemSettings,
    // An unreadable rewrite is the policy's doing: it is rewarded as such, and not left out as a failure.
    deepretrieval: {
      ...systemSettings?.deepretrieval,
      rewriteTokens: responseTokens,
      onFailure: 'fall-back',
    },
    searchR1: {
      ...(maxTurns !== undefined && { maxTurns }),
      ...(documentsPerQuery !== undefined && { documentsPerQuery }),
      ...systemSettings?.searchR1,
      ...{ promptTokens, responseTokens, observationTokens },
    },
  };
  return makeSystem(options.system ?? 's3', {
    ...{ searcher, generator, retriever, clock, settings, systems },
    ...(bm25 && { bm25 }),
  }).system;
}

const failedRollout = (
  question: TrainingQuestion,
  events: TraceEvent[],
  failed: NonNullable<Rollout['failed']>,
): Rollout => ({
  ...{ question, events, failed },
  reward: { score: 0, accuracy: 0 },
  ...{ tokens: [], promptLength: 0 },
  ...{ actions: new Uint8Array(0), logProbs: new Float32Array(0), exactLogProbs: false },
});
