import { beforeEach, describe, expect, it } from 'vitest';
import type { ModelOption } from './laboratory';
import { Library } from './library.svelte';
import { createScriptedLaboratory } from './scripted-laboratory';
import type { Laboratory } from './laboratory';

let laboratory: Laboratory;
let library: Library;
let options: ModelOption[];

const from = {
  kind: 'hub',
  hub: 'https://huggingface.co',
  repository: 'Qwen/Qwen2.5-0.5B-Instruct',
  revision: 'main',
} as const;
const ID = 'qwen-qwen2.5-0.5b-instruct-q4';

beforeEach(() => {
  laboratory = createScriptedLaboratory({ paceMs: 1 });
  options = [];
  library = new Library(laboratory, async () => {
    options = await laboratory.models();
  });
});

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe('Library', () => {
  it('fetches a model, stores it, loads it, and tells whoever lists what can be chosen', async () => {
    const done = library.fetch(from, 'q4', 'auto');
    await until(() => (library.jobs[0]?.measured?.done ?? 0) > 0);
    expect(library.jobs).toMatchObject([{ id: ID, status: 'running', phase: 'transfer' }]);
    // The same once more is the same.
    await library.fetch(from, 'q4', 'auto');
    expect(library.jobs).toHaveLength(1);
    await done;
    expect(library.jobs).toEqual([]);
    expect(library.models).toMatchObject([{ id: ID, state: 'ready' }]);
    expect(library.loads[ID]).toMatchObject({ phase: 'ready', info: { device: 'webgpu' } });
    expect(library.storedOf(from.repository)).toHaveLength(1);
    expect(options.length).toBeGreaterThan(0);
  });

  it('pauses, and goes on where it was', async () => {
    const done = library.fetch(from, 'q4', 'auto');
    await until(() => (library.jobs[0]?.measured?.fraction ?? 0) > 0.2);
    await library.pause(ID);
    await done;
    expect(library.jobs).toEqual([]);
    const [paused] = library.models;
    expect(paused).toMatchObject({ state: 'paused' });
    expect(paused?.progress?.done).toBeGreaterThan(0);
    expect(library.loads[ID]).toBeUndefined();
    if (paused) await library.resume(paused, 'cpu');
    expect(library.models).toMatchObject([
      { state: 'ready', report: { resumedBytes: paused?.progress?.done } },
    ]);
    expect(library.loads[ID]).toMatchObject({ info: { device: 'cpu' } });
  });

  it('cancels by stopping and deleting', async () => {
    const done = library.fetch(from, 'q4', 'auto');
    await until(() => library.jobs.length > 0);
    await library.remove(ID);
    await done;
    expect(library.models).toEqual([]);
    expect(library.jobs).toEqual([]);
  });

  it('keeps the error of a failed fetch until it is tried again or dismissed', async () => {
    const sound = laboratory.library.importModel;
    laboratory.library.importModel = () => Promise.reject(new Error('the cable'));
    await library.fetch(from, 'q4', 'auto');
    expect(library.jobs).toMatchObject([{ status: 'failed', error: { message: 'the cable' } }]);
    laboratory.library.importModel = sound;
    await library.fetch(from, 'q4', 'auto');
    expect(library.jobs).toEqual([]);
    expect(library.models).toMatchObject([{ state: 'ready' }]);
  });

  it('frees what is deleted', async () => {
    await library.fetch(from, 'q4', 'auto');
    await library.remove(ID);
    expect(library.models).toEqual([]);
    expect(library.loads[ID]).toBeUndefined();
  });
});
