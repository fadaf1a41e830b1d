/** Both stores of evaluations keep the same promises. */
import 'fake-indexeddb/auto';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationStore } from '../../protocol/evaluation-store';
import { openEvaluationDatabase } from './evaluation-database';
import { openEvaluationFolder, type EvaluationFolder } from './evaluation-folder';
import { createLocalLocks } from './locks';

let scratch = '';
let count = 0;
beforeAll(async () => (scratch = await mkdtemp(join(tmpdir(), 's3-evaluations-'))));
const openFolders: EvaluationFolder[] = [];
afterAll(async () => {
  for (const folder of openFolders) await folder.close();
  await rm(scratch, { recursive: true, force: true });
});

const record = (name: string) => ({ name, createdAt: `2026-01-0${(count % 9) + 1}` });

/** Opens the same store again, as a new process or tab would. */
type Reopen = () => Promise<EvaluationStore>;

const folders = (): Reopen => {
  const path = join(scratch, `folder-${count++}`);
  let last: ReturnType<typeof openEvaluationFolder> | undefined;
  return async () => {
    await last?.close();
    last = openEvaluationFolder(path);
    openFolders.push(last);
    return last;
  };
};
const databases = (): Reopen => {
  const name = `evaluations-${count++}`;
  const locks = createLocalLocks();
  let time = 0;
  return () => Promise.resolve(openEvaluationDatabase({ locks, now: () => time++, name }));
};

describe.each([
  ['a folder', folders],
  ['IndexedDB', databases],
])('%s', (_name, make) => {
  it('gives back what was created and appended, after opening it again', async () => {
    const reopen = make();
    const store = await reopen();
    await store.create('one', record('first'), [{ id: 'q1' }, { id: 'q2' }]);
    await store.append('one', { key: 'a', result: { n: 1 } }, { events: ['é', 1] });
    await store.append('one', { key: 'b', result: { n: 2 } }, null);
    await store.append('one', { key: 'a', result: { n: 3 } }, { events: ['later'] });
    const again = await reopen();
    expect(await again.list()).toMatchObject([{ id: 'one', record: { name: 'first' } }]);
    expect(await again.questions('one')).toEqual([{ id: 'q1' }, { id: 'q2' }]);
    expect((await again.results('one')).map(({ result }) => result)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    expect(await again.trace('one', 'a')).toEqual({ events: ['later'] });
    expect(await again.trace('one', 'b')).toBeNull();
    expect(await again.trace('one', 'none')).toBeNull();
  });

  it('keeps evaluations apart, and removes one with all it had', async () => {
    const reopen = make();
    const store = await reopen();
    await store.create('one', record('1'), []);
    await store.create('two', record('2'), []);
    await store.append('one', { key: 'k', result: 1 }, 'trace');
    await store.append('two', { key: 'k', result: 2 }, 'other');
    await store.remove('one');
    expect((await store.list()).map(({ id }) => id)).toEqual(['two']);
    expect(await store.results('two')).toEqual([{ key: 'k', result: 2 }]);
    await expect(store.record('one')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.create('one', record('new'), []);
    expect(await store.results('one')).toEqual([]);
    expect(await store.trace('one', 'k')).toBeNull();
  });

  it('takes results that come at the same time, each once', async () => {
    const reopen = make();
    const store = await reopen();
    await store.create('many', record('many'), []);
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => store.append('many', { key, result: key }, { of: key })));
    const again = await reopen();
    expect((await again.results('many')).map(({ key }) => key).sort()).toEqual([...keys].sort());
    for (const key of ['k0', 'k31', 'k59']) expect(await again.trace('many', key)).toEqual({ of: key });
  });

  it('lets only one at a time work on an evaluation', async () => {
    const reopen = make();
    const store = await reopen();
    await store.create('one', record('1'), []);
    let inner: boolean | undefined;
    const outer = await store.exclusively('one', async () => {
      inner = await store.exclusively('one', () => Promise.resolve());
    });
    expect([outer, inner]).toEqual([true, false]);
    expect(await store.exclusively('one', () => Promise.resolve())).toBe(true);
  });

  it('refuses a second evaluation of the same id, and changes of none', async () => {
    const store = await make()();
    await store.create('one', record('1'), []);
    await expect(store.create('one', record('2'), [])).rejects.toThrow();
    await expect(store.saveRecord('none', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.saveRecord('one', { name: 'changed' });
    expect(await store.record('one')).toEqual({ name: 'changed' });
  });
});

describe('a folder after a crash', () => {
  it('keeps every whole line and none that was cut short, wherever the files were cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), async (share, tracesToo) => {
        const path = join(scratch, `cut-${count++}`);
        const before = openEvaluationFolder(path);
        await before.create('one', record('1'), []);
        for (let i = 0; i < 5; i++)
          await before.append('one', { key: `k${i}`, result: i }, { text: 'ü'.repeat(i * 7) });
        await before.close();
        const results = join(path, 'one', 'results.jsonl');
        const bytes = await readFile(results);
        const cut = Math.floor(share * bytes.length);
        await truncate(results, cut);
        // A trace whose result never came.
        if (tracesToo) await appendFile(join(path, 'one', 'traces.jsonl'), '{"half": "wri');
        const kept = bytes.subarray(0, cut).toString('utf8').split('\n').length - 1;
        const after = openEvaluationFolder(path);
        expect((await after.results('one')).map(({ result }) => result)).toEqual(
          [0, 1, 2, 3, 4].slice(0, kept),
        );
        await after.append('one', { key: 'new', result: 'new' }, { text: 'new' });
        expect(await after.results('one')).toHaveLength(kept + 1);
        expect(await after.trace('one', 'new')).toEqual({ text: 'new' });
        if (kept > 0)
          expect(await after.trace('one', `k${kept - 1}`)).toEqual({ text: 'ü'.repeat((kept - 1) * 7) });
        await after.close();
      }),
      { numRuns: 12 },
    );
  });

  it('takes over the lock of a process that is no more', async () => {
    const path = join(scratch, 'locked');
    const store = openEvaluationFolder(path);
    await store.create('one', record('1'), []);
    await writeFile(join(path, 'one', 'running.pid'), '4194305');
    expect(await store.exclusively('one', () => Promise.resolve())).toBe(true);
  });

  it('lists neither strange folders nor what was half created, and names a damaged record', async () => {
    const path = join(scratch, 'strange');
    const store = openEvaluationFolder(path);
    expect(await store.list()).toEqual([]);
    await store.create('one', record('1'), []);
    await rm(join(path, 'one', 'evaluation.json'));
    expect(await store.list()).toEqual([]);
    await writeFile(join(path, 'one', 'evaluation.json'), '{');
    await expect(store.record('one')).rejects.toMatchObject({ code: 'INTEGRITY' });
    await expect(store.create('../up', {}, [])).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
