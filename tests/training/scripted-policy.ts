/** Policies and questions for tests: an engine that says what it is told, and a real one with random weights. */
import { TOY_CONFIG, toyCheckpoint } from '../servers/toy-model';
import type { Backend } from '../../src/gpu/backend';
import { bytesSource } from '../../src/lm/byte-source';
import { loadModel, type GenerateTokensOptions, type LoadedModel } from '../../src/lm/engine';
import type { GenerateTokensResult } from '../../src/lm/engine';
import { ChatTemplate } from '../../src/lm/text/chat-template';
import { TOY_CHAT_TEMPLATE, toyTokenizer } from '../../src/lm/text/toy-tokenizer';
import { throwIfAborted } from '../../src/protocol/errors';
import type { TrainingQuestion } from '../../src/train/records';
import type { Reward } from '../../src/train/rewards/reward';
import type { Policy } from '../../src/train/rollouts/recorder';

export const tokenizer = toyTokenizer();
export const END = tokenizer.idOf('<|im_end|>') ?? -1;

/** Tokens of what a scripted policy says. */
export const say = (text: string): number[] => tokenizer.encode(text);

/** Says its script turn by turn, whoever asks; token i of a turn has the log-probability −(i + 1) / 100. */
export class ScriptedEngine {
  readonly maxContext: number;
  readonly asked: GenerateTokensOptions[] = [];
  readonly #script: (options: GenerateTokensOptions, call: number) => readonly number[];

  constructor(
    script:
      readonly (readonly number[])[] | ((options: GenerateTokensOptions, call: number) => readonly number[]),
    maxContext = 4096,
  ) {
    this.#script = typeof script === 'function' ? script : (_, call) => script[call] ?? script.at(-1) ?? [];
    this.maxContext = maxContext;
  }

  async generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    const call = this.asked.push(options) - 1;
    const tokens: number[] = [];
    let finishReason: GenerateTokensResult['finishReason'] = 'length';
    const script = this.#script(options, call);
    for (const id of script.slice(0, options.maxNewTokens)) {
      await Promise.resolve();
      throwIfAborted(options.signal);
      tokens.push(id);
      const answer = options.onToken?.({ id, logprob: -tokens.length / 100 });
      if (options.stopTokenIds?.includes(id)) finishReason = 'stop';
      else if (answer === 'stop') finishReason = 'callback';
      if (finishReason !== 'length') break;
    }
    const logprobs = tokens.map((_, i) => -(i + 1) / 100);
    const room = Math.min(this.maxContext - options.maxNewTokens, options.maxPromptTokens ?? Infinity);
    const promptTokens = Math.min(options.tokens.length, room);
    const droppedTokens = options.tokens.length - promptTokens;
    return {
      tokens,
      logprobs,
      finishReason,
      promptTokens,
      droppedTokens,
      cachedTokens: 0,
      prefillMs: 1,
      decodeMs: 1,
    };
  }
}

export const policyOf = (engine: Policy['engine'], adapter?: string): Policy => ({
  ...{ id: 'policy', engine, tokenizer },
  ...{ template: new ChatTemplate(TOY_CHAT_TEMPLATE), eosTokenIds: [END] },
  ...(adapter !== undefined && { adapter }),
});

export const toyEngine = (backend: Backend, slots = 1): Promise<LoadedModel> =>
  loadModel({
    ...{ backend, slots, verify: false },
    config: { ...TOY_CONFIG, max_position_embeddings: 2048 },
    source: bytesSource('model.safetensors', toyCheckpoint()),
  });

export const question = (id: string, more: Partial<TrainingQuestion> = {}): TrainingQuestion => ({
  ...{ id, source: 'toy', question: `Who built ${id}?`, goldAnswers: ['Ada'] },
  ...more,
});

/** The same score for everybody, and the answer that was given. */
export const flatReward: Reward = {
  needsAnswer: true,
  score: ({ events }) => {
    const answered = events.find((event) => event.type === 'answered');
    return Promise.resolve({ score: 1, accuracy: 1, ...(answered && { answer: answered.answer }) });
  },
};
