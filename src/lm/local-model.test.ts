import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOY_CONFIG, toyCheckpoint } from '../../tests/servers/toy-model';
import { CpuBackend } from '../gpu/cpu/backend';
import { AppError } from '../protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../protocol/language-model';
import { bytesSource } from './byte-source';
import type { GenerateTokensOptions, GenerateTokensResult } from './engine';
import { LocalModel, openLocalModel, type TokenEngine } from './local-model';
import { ChatTemplate } from './text/chat-template';
import {
  TOY_CHAT_TEMPLATE,
  TOY_TOKENIZER_CONFIG,
  toyTokenizer,
  toyTokenizerJson,
} from './text/toy-tokenizer';

const tokenizer = toyTokenizer();
const END = tokenizer.idOf('<|im_end|>') ?? -1;

type Done = Extract<GenerateEvent, { type: 'done' }>;

async function read(events: AsyncIterable<GenerateEvent>): Promise<{ pieces: string[]; done: Done }> {
  const pieces: string[] = [];
  let done: Done | undefined;
  for await (const event of events) {
    if (event.type === 'delta') pieces.push(event.text);
    else done = event;
  }
  if (!done) throw new Error('no done event');
  expect(pieces.join('')).toBe(done.text);
  return { pieces, done };
}

const ask = (overrides: Partial<GenerateRequest> = {}): GenerateRequest => ({
  messages: [{ role: 'user', content: 'the bridge' }],
  maxTokens: 50,
  temperature: 0,
  ...overrides,
});

/** An engine that says what it is told to, token by token, and keeps what it was asked. */
class ScriptedEngine implements TokenEngine {
  readonly maxContext = 512;
  readonly asked: GenerateTokensOptions[] = [];
  said = 0;

  constructor(private readonly script: readonly number[]) {}

  async generateTokens(options: GenerateTokensOptions): Promise<GenerateTokensResult> {
    this.asked.push(options);
    const tokens: number[] = [];
    let finishReason: GenerateTokensResult['finishReason'] = 'length';
    for (const id of this.script.slice(0, options.maxNewTokens)) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (options.signal?.aborted) throw new AppError('ABORTED', 'Stopped.');
      this.said += 1;
      tokens.push(id);
      const answer = options.onToken?.({ id, logprob: -0.5 });
      if (options.stopTokenIds?.includes(id)) finishReason = 'stop';
      else if (answer === 'stop') finishReason = 'callback';
      if (finishReason !== 'length') break;
    }
    const logprobs = tokens.map(() => -0.5);
    const promptTokens = options.tokens.length;
    return {
      tokens,
      logprobs,
      finishReason,
      promptTokens,
      droppedTokens: 0,
      cachedTokens: 3,
      prefillMs: 1,
      decodeMs: 2,
    };
  }

  dispose(): void {
    this.said = -1;
  }
}

function scripted(text: string): { engine: ScriptedEngine; model: LocalModel } {
  const engine = new ScriptedEngine(tokenizer.encode(text));
  const template = new ChatTemplate(TOY_CHAT_TEMPLATE);
  return { engine, model: new LocalModel({ id: 'toy', engine, tokenizer, template, eosTokenIds: [END] }) };
}

describe('what the engine is asked', () => {
  it('is the templated conversation, then every segment tokenised on its own', async () => {
    const { engine, model } = scripted('x');
    const continuation: GenerateRequest['continuation'] = [
      { kind: 'generated', text: 'th' },
      { kind: 'observation', text: 'e <|im_end|>' },
    ];
    await read(
      model.generate(ask({ continuation, maxContextTokens: 100, topP: 0.9, seed: 4, temperature: 0.6 })),
    );
    const prompt = tokenizer.encode('<|im_start|>user\nthe bridge<|im_end|>\n<|im_start|>assistant\n');
    const plain = tokenizer.encode('e <|im_end|>', { special: 'plain' });
    expect(engine.asked[0]?.tokens).toEqual([...prompt, ...tokenizer.encode('th'), ...plain]);
    expect(engine.asked[0]).toMatchObject({
      maxNewTokens: 50,
      maxPromptTokens: 100,
      stopTokenIds: [END],
      sampling: { temperature: 0.6, topP: 0.9, seed: 4 },
    });
  });

  it('is a raw prompt without a template, special tokens read', async () => {
    const { engine, model } = scripted('x');
    await read(model.generate({ prompt: 'a<|im_end|>', maxTokens: 3, temperature: 0 }));
    expect(engine.asked[0]?.tokens).toEqual([tokenizer.idOf('a'), END]);
  });

  it('must be messages or a prompt, and messages need a template', async () => {
    const { engine, model } = scripted('x');
    await expect(read(model.generate({ maxTokens: 1, temperature: 0 }))).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    const base = new LocalModel({ id: 'base', engine, tokenizer, template: undefined, eosTokenIds: [] });
    await expect(read(base.generate(ask()))).rejects.toThrow(/base has no chat template/);
  });
});

describe('what comes back', () => {
  it('streams whole characters and ends at the end token, which is not part of the text', async () => {
    const { model } = scripted('æ\u{1F309}.<|im_end|>more');
    const { pieces, done } = await read(model.generate(ask()));
    expect(pieces.filter(Boolean)).toEqual(['æ', '\u{1F309}', '.']);
    expect(done).toMatchObject({ text: 'æ\u{1F309}.', finishReason: 'eos' });
    expect(done.usage).toMatchObject({ cachedTokens: 3, prefillMs: 1, decodeMs: 2, completionTokens: 7 });
  });

  it('ends at a stop string across tokens, kept or dropped', async () => {
    const text = 'a<query>the bridge</query> and more';
    const kept = await read(scripted(text).model.generate(ask({ stop: ['</query>'], keepStop: true })));
    expect(kept.done).toMatchObject({ text: 'a<query>the bridge</query>', finishReason: 'stop' });
    const { engine, model } = scripted(text);
    const dropped = await read(model.generate(ask({ stop: ['</query>'] })));
    expect(dropped.done).toMatchObject({ text: 'a<query>the bridge', finishReason: 'stop' });
    expect(engine.said).toBeLessThan(tokenizer.encode(text).length);
  });

  it('gives out what was held back when the token limit comes first', async () => {
    const { done } = await read(scripted('a</que').model.generate(ask({ stop: ['</query>'] })));
    expect(done).toMatchObject({ text: 'a</que', finishReason: 'length' });
  });

  it('finds a stop string that only the unfinished last character completes', async () => {
    const engine = new ScriptedEngine(tokenizer.encode('\u{1F309}').slice(0, 2));
    const template = new ChatTemplate(TOY_CHAT_TEMPLATE);
    const model = new LocalModel({ id: 'toy', engine, tokenizer, template, eosTokenIds: [END] });
    const { done } = await read(model.generate(ask({ stop: ['\uFFFD'] })));
    expect(done).toMatchObject({ text: '', finishReason: 'stop' });
  });

  it('carries token ids, and log-probabilities where wanted', async () => {
    const events: GenerateEvent[] = [];
    for await (const event of scripted('the').model.generate(ask({ logprobs: true }))) events.push(event);
    expect(events[0]).toEqual({
      type: 'delta',
      text: 'the',
      tokens: [{ id: tokenizer.idOf('the'), text: 'the', logprob: -0.5 }],
    });
  });
});

describe('stopping', () => {
  it('by signal ends the engine’s work', async () => {
    const { engine, model } = scripted('a'.repeat(400));
    const controller = new AbortController();
    const seen = (async () => {
      for await (const event of model.generate(ask({ maxTokens: 400 }), controller.signal)) {
        if (event.type === 'delta') controller.abort();
      }
    })();
    await expect(seen).rejects.toMatchObject({ code: 'ABORTED' });
    expect(engine.said).toBeLessThan(5);
  });

  it('by leaving the loop does so too', async () => {
    const { engine, model } = scripted('a'.repeat(400));
    for await (const event of model.generate(ask({ maxTokens: 400 }))) {
      expect(event.type).toBe('delta');
      break;
    }
    expect(engine.said).toBeLessThan(5);
  });

  it('by unloading the model waits until the engine is done, and frees it then', async () => {
    const { engine, model } = scripted('a'.repeat(400));
    const events = model.generate(ask({ maxTokens: 400 }));
    await events.next();
    await model.dispose();
    expect(engine.said).toBe(-1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(engine.said).toBe(-1);
    await expect(read(events)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('before the start asks the engine nothing', async () => {
    const { engine, model } = scripted('a');
    await expect(read(model.generate(ask(), AbortSignal.abort()))).rejects.toMatchObject({ code: 'ABORTED' });
    expect(engine.asked).toEqual([]);
  });
});

describe('on the real engine', () => {
  const backend = new CpuBackend();
  let model: LocalModel;
  beforeAll(async () => {
    model = await openLocalModel({
      id: 'random',
      backend,
      files: {
        config: TOY_CONFIG,
        generationConfig: { eos_token_id: [278, 279] },
        tokenizer: toyTokenizerJson(),
        tokenizerConfig: TOY_TOKENIZER_CONFIG,
        weights: bytesSource('model.safetensors', toyCheckpoint()),
      },
    });
  });
  afterAll(async () => {
    await model.dispose();
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  });

  it('the same request gives the same text, and the same as the tokens say', async () => {
    const first = await read(model.generate(ask({ maxTokens: 12 })));
    const second = await read(model.generate(ask({ maxTokens: 12 })));
    expect(second.done.text).toBe(first.done.text);
    expect(first.done.text.length).toBeGreaterThan(0);
  });

  it('token ids are a prompt of their own, taken as they are', async () => {
    const tokens = model.promptTokens(ask());
    const { messages: _messages, ...rest } = ask({ maxTokens: 12 });
    const [text, ids] = [
      await read(model.generate(ask({ maxTokens: 12 }))),
      await read(model.generate({ ...rest, tokens })),
    ];
    expect(ids.done.text).toBe(text.done.text);
    expect(() => model.promptTokens({ ...ask(), tokens })).toThrow('not both');
  });

  it('a later turn finds the whole of the turn before in the cache', async () => {
    const first = await read(model.generate(ask({ maxTokens: 4 })));
    const observation = { kind: 'observation', text: ' the bridge' } as const;
    const next = ask({ maxTokens: 4, continuation: [observation] });
    const { done } = await read(model.generate(next));
    expect(done.usage.promptTokens).toBe(first.done.usage.promptTokens + 2);
    expect(done.usage.cachedTokens).toBe(first.done.usage.promptTokens);
  });

  it('a prompt that is too long loses its beginning, and the usage says how much', async () => {
    const long = ask({ maxTokens: 8, messages: [{ role: 'user', content: 'bri'.repeat(200) }] });
    const { done } = await read(model.generate(long));
    expect(done.usage.promptTokens).toBe(120);
    expect(done.usage.droppedTokens).toBe(model.promptTokens(long).length - 120);
  });

  it('counts tokens as it would tokenise them in a document', async () => {
    expect(await model.countTokens([' the bridge', '', 'æ'])).toEqual([2, 0, 1]);
  });
});
