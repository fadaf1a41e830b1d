/** A run's session over an engine of ours: one copy of the weights for rollouts, reference, training and, where it is the searcher, generator. */
import type { S3Settings } from '../../agent/settings';
import type { Backend } from '../../gpu/backend';
import { parseModelConfig } from '../../lm/config';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { endTokens, LocalModel, type ModelFiles } from '../../lm/local-model';
import type { ModelWeights } from '../../lm/weights';
import { mapTensors } from '../../lm/weights-table';
import { ChatTemplate } from '../../lm/text/chat-template';
import { TextTokenizer } from '../../lm/text/tokenizer';
import type { Clock } from '../../protocol/clock';
import type { LanguageModel } from '../../protocol/language-model';
import type { Retriever } from '../../protocol/retrieval';
import { isMedicalCorpus } from '../../protocol/medical-corpora';
import { collectRollouts } from '../rollouts/collect';
import type { Policy } from '../rollouts/recorder';
import type { Reward } from '../rewards/reward';
import type { RunConfig, TrainingQuestion } from '../records';
import { openTrainingModel, type TrainingModel } from '../trainer/open-training-model';
import { planTrainingMemory } from '../trainer/plan-memory';
import type { CollectRequest, TrainingSession } from './session';

export interface Prepared {
  /** Filtered. */
  questions: readonly TrainingQuestion[];
  reward: Reward;
}

export interface PrepareTools {
  generator: LanguageModel;
  retriever: Retriever;
  /** Sequences that the engine decodes together. */
  slots: number;
}

export interface EngineSessionParts {
  config: RunConfig;
  /** Disposed of with the session. */
  backend: Backend;
  files: ModelFiles;
  /** Training goes on from this one. */
  adapter?: LoraAdapter | undefined;
  retriever: Retriever;
  /** Undefined: the untrained searcher answers. */
  generator?: LanguageModel | undefined;
  /** Finds out what is needed before the first step, such as plain RAG's answers. */
  prepare: (tools: PrepareTools) => Promise<Prepared>;
  clock: Clock;
  signal: AbortSignal;
  onLoading: (label: string, done: number, total: number) => void;
}

/** Sequences that decode together. */
const SLOTS = { cpu: 4, webgpu: 16 } as const;

/** @throws AppError as `openTrainingModel` and `prepare`; the backend is disposed of then, too */
export async function openEngineSession(parts: EngineSessionParts): Promise<TrainingSession> {
  const { backend, files, config, adapter, signal, onLoading } = parts;
  const slots = Math.min(
    SLOTS[backend.description.kind],
    config.ppo.batch.prompts * config.ppo.batch.rolloutsPerPrompt,
  );
  let model: TrainingModel | undefined;
  try {
    const plannedBytes = planBytes(parts, slots);
    model = await openTrainingModel({
      ...{ backend, files, config, adapter, slots, signal },
      onProgress: ({ label, done, total }) => onLoading(label ?? 'The model', done, total),
    });
    return await session(parts, model, { slots, plannedBytes });
  } catch (error) {
    model?.dispose();
    backend.dispose();
    throw error;
  }
}

/** On top of what the backend holds already, such as another model that answers. */
function planBytes({ backend, files, config, adapter }: EngineSessionParts, slots: number): number {
  const { total } = planTrainingMemory({
    ...{ model: parseModelConfig(files.config), config, slots },
    ...{ device: backend.description.kind, preferredRows: backend.preferredRows },
    ...(files.checkpoint && { checkpoint: files.checkpoint }),
    ...(adapter && { adapter }),
  });
  return backend.liveBytes + total;
}

async function session(
  parts: EngineSessionParts,
  model: TrainingModel,
  { slots, plannedBytes }: { slots: number; plannedBytes: number },
): Promise<TrainingSession> {
  const { config, files, retriever, backend } = parts;
  const tokenizer = new TextTokenizer(files.tokenizer, files.tokenizerConfig);
  const template = ChatTemplate.find(files.tokenizerConfig, files.chatTemplate);
  const eosTokenIds = endTokens(files.generationConfig, model.engine.config.eosTokenIds, tokenizer);
  const text = { id: config.searcher.model, tokenizer, template, eosTokenIds };
  const generator = parts.generator ?? new LocalModel({ ...text, engine: model.generator });
  const { questions, reward } = await parts.prepare({ generator, retriever, slots });
  const policy: Policy = {
    ...{ ...text, engine: model.engine },
    ...(model.policyAdapter !== undefined && { adapter: model.policyAdapter }),
  };
  const { ppo } = config;
  return {
    questions,
    trainer: model.trainer,
    collect: (asked, { step, signal, pass, onProgress }: CollectRequest) =>
      collectRollouts({
        ...{ questions: asked, rolloutsPerPrompt: ppo.batch.rolloutsPerPrompt, policy, generator, reward },
        ...heldRetrievers(config, retriever, pass),
        settings: agentSettings(config),
        ...(config.system && { system: config.system }),
        ...{ sampling: ppo.sampling, lengths: ppo.lengths, seed: ppo.seed, step, signal, onProgress },
        // More would push one another's prefixes out of the cache.
        concurrency: slots,
        clock: () => parts.clock.now(),
      }),
    texts: (tokens) => tokens.map((token) => tokenizer.decode([token], { special: true })),
    liveBytes: () => backend.liveBytes,
    ...{ weightBytes: bytesOf(model.engine.weights), plannedBytes },
    ...{ device: backend.description.kind, deviceName: backend.description.name },
    dispose: () => {
      model.dispose();
      backend.dispose();
      return Promise.resolve();
    },
  };
}

function bytesOf(weights: ModelWeights): number {
  let sum = 0;
  mapTensors(weights, ({ bytes }) => (sum += bytes));
  return sum;
}

/** The recipe's turns and documents, unless the agent's settings say otherwise. */
export const agentSettings = ({ ppo, agent }: RunConfig): Partial<S3Settings> => ({
  maxTurns: ppo.search.maxTurns,
  documentsPerQuery: ppo.search.topK,
  ...agent,
});

/** Services search in their own way, and so for agents that search by words, too. */
function heldRetrievers(
  { corpus }: RunConfig,
  retriever: Retriever,
  pass: () => Promise<void>,
): { retriever: Retriever; bm25?: Retriever } {
  const held = heldRetriever(retriever, pass);
  return { retriever: held, ...(isMedicalCorpus(corpus) && { bm25: held }) };
}

/** A paused run waits before its next search. */
function heldRetriever(retriever: Retriever, pass: () => Promise<void>): Retriever {
  return {
    ...(retriever.mode && { mode: retriever.mode }),
    search: async (queries, topK, signal) => {
      await pass();
      return retriever.search(queries, topK, signal);
    },
  };
}
