import { beforeEach, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import { Library } from './library.svelte';
import type { Laboratory } from './laboratory';
import { createScriptedLaboratory } from './scripted-laboratory';

let laboratory: Laboratory;
let library: Library;
const ID = 'owner-tiny-q4';
const saved: string[] = [];
const save = (_archive: Blob, name: string): void => void saved.push(name);

beforeEach(async () => {
  saved.length = 0;
  laboratory = createScriptedLaboratory({ paceMs: 1 });
  library = new Library(laboratory, () => Promise.resolve());
  const from = {
    kind: 'hub',
    hub: 'https://huggingface.co',
    repository: 'owner/tiny',
    revision: 'main',
  } as const;
  await library.fetch(from, 'q4', 'auto');
});

it('an export tells how far it is, hands its archive to the browser once, and can be seen to be done', async () => {
  const done = library.exports.run({ model: ID, format: 'pack' }, save);
  while (!library.exports.jobs[ID]?.measured) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(library.exports.jobs[ID]).toMatchObject({ status: 'running', measured: { unit: 'bytes' } });
  await done;
  expect(library.exports.jobs[ID]).toMatchObject({ status: 'done', result: { name: 'owner/tiny' } });
  expect(saved).toEqual(['owner/tiny.tar']);
  library.exports.dismiss(ID);
  expect(library.exports.jobs).toEqual({});
});

it('an export that is stopped leaves no trace on the page, one that fails says why', async () => {
  const stopped = library.exports.run({ model: ID, format: 'pack' }, save);
  await library.exports.stop(ID);
  await stopped;
  expect(library.exports.jobs).toEqual({});
  laboratory.library.exportModel = () =>
    Promise.reject(new AppError('STORAGE_FULL', 'No room.', { fix: 'Make some.' }));
  await library.exports.run({ model: ID, format: 'pack' }, save);
  expect(library.exports.jobs[ID]).toMatchObject({
    status: 'failed',
    error: { message: 'No room.', fix: 'Make some.' },
  });
  expect(saved).toEqual([]);
});
