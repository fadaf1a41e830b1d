import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerMessages } from '../agent/prompts';
import { CpuBackend } from '../gpu/cpu/backend';
import { openLocalModel, type LocalModel } from '../lm/local-model';
import type { GenerateEvent } from '../protocol/language-model';
import type { RegistryModel } from '../protocol/registry';
import { languageModelFiles } from './model-folder';

describe('the embedded demo model', () => {
  const backend = new CpuBackend();
  let model: LocalModel;
  beforeAll(async () => {
    const registry = JSON.parse(await readFile('models/registry.json', 'utf8')) as {
      models: RegistryModel[];
    };
    const entry = registry.models.find(({ id }) => id === 'demo');
    if (!entry) throw new Error('no demo model in the registry');
    const files = new Map<string, Uint8Array>();
    for (const { path } of entry.files) files.set(path, await readFile(join('models', 'demo', path)));
    model = await openLocalModel({ id: 'demo', files: languageModelFiles(entry, files), backend });
  });
  afterAll(async () => {
    await model.dispose();
    backend.dispose();
  });

  it('gives every text back through its tokenizer', () => {
    const text = 'Doc 1(Title: "Öland") <query>{"query": "Ærø 🌉"}</query>\n\n<information>';
    expect(model.tokenizer.decode(model.tokenizer.encode(text, { special: 'plain' }))).toBe(text);
    expect(model.tokenizer.specialIds.size).toBeGreaterThan(0);
  });

  it('answers from a document, ends its turn by itself, and finds its prompt in the cache the second time', async () => {
    const context = 'Doc 1 (Title: Maren Oster) Maren Oster was born in the town of Velin.\n';
    const messages = answerMessages('Where was Maren Oster born?', context);
    const ask = async (): Promise<Extract<GenerateEvent, { type: 'done' }>> => {
      for await (const event of model.generate({ messages, maxTokens: 40, temperature: 0 })) {
        if (event.type === 'done') return event;
      }
      throw new Error('no end');
    };
    const first = await ask();
    expect(first.finishReason).toBe('eos');
    expect(first.text).not.toBe('');
    const second = await ask();
    expect(second.text).toBe(first.text);
    expect(second.usage.cachedTokens).toBe(second.usage.promptTokens - 1);
  });
});
