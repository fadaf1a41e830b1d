import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idFor, slugOf, splitChoice, withAdapter } from './model-ids';
import type { StoredOrigin } from './model-library';

const hub = (repository: string, revision = 'main') =>
  ({ kind: 'hub', hub: 'https://huggingface.co', repository, revision }) as const;

describe('slugOf', () => {
  it('is a plain folder name whatever it is given', () => {
    expect(slugOf('Qwen/Qwen2.5-0.5B-Instruct')).toBe('qwen-qwen2.5-0.5b-instruct');
    expect(slugOf('../..')).toBe('model');
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(slugOf(text)).toMatch(/^[a-z0-9][a-z0-9.-]{0,47}$/);
        expect(slugOf(text)).not.toMatch(/[.-]$/);
      }),
    );
  });
});

describe('idFor', () => {
  it('is the same for the same import, and another for what only sounds the same', () => {
    const known: { id: string; origin: StoredOrigin }[] = [];
    const add = (from: ReturnType<typeof hub>): string => {
      const id = idFor(from, 'q4', known);
      if (!known.some((model) => model.id === id)) known.push({ id, origin: from });
      return id;
    };
    expect(add(hub('a/b'))).toBe('a-b-q4');
    expect(add(hub('a/b'))).toBe('a-b-q4');
    expect(add(hub('a/b', 'v2'))).toBe('a-b-q4-2');
    expect(add(hub('a-b/'))).toBe('a-b-q4-3');
    expect(add(hub('a/b', 'v2'))).toBe('a-b-q4-2');
    expect(idFor({ kind: 'files', name: 'x.gguf', files: [] }, undefined, known)).toBe('x.gguf-stored');
  });
});

describe('a choice with an adapter', () => {
  it('comes apart as it was put together', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (name, adapterName) => {
        const model = slugOf(name);
        const adapter = adapterName === undefined ? undefined : slugOf(adapterName);
        expect(splitChoice(withAdapter(model, adapter))).toEqual({ model, adapter });
      }),
    );
  });
});
