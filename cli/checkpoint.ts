/** The model that a reference names, opened: embedded, a folder in the hub's layout, a GGUF file, a pack, or a repository of the hub. */
import { join } from 'node:path';
import { isHubReference, parseHubReference } from '../src/lm/import/hub-reference';
import { importModel } from '../src/lm/import/import-model';
import { openModel, type OpenedModel } from '../src/lm/import/open-model';
import type { WeightType } from '../src/protocol/model-import';
import type { Console } from './command';
import { FolderSink } from './folder-sink';
import { FolderSource } from './folder-source';
import { cacheFolder } from './folders';
import { openReference } from './model-reference';
import { importNotes } from './progress';

/** To be closed once the weights are loaded. @throws AppError NOT_FOUND, BAD_INPUT, UNSUPPORTED, INTEGRITY, AUTH, NETWORK … */
export async function openCheckpoint(
  reference: string,
  weights: WeightType | undefined,
  console: Pick<Console, 'note' | 'signal'>,
): Promise<OpenedModel> {
  const { signal } = console;
  if (!isHubReference(reference)) return openModel({ source: await openReference(reference), signal });
  return openModel({ source: await FolderSource.open(await imported(reference, weights, console)), signal });
}

/** A repository is imported into the cache once; a later run, or the same one after an interruption, finds what is there. */
async function imported(
  reference: string,
  weights: WeightType | undefined,
  console: Pick<Console, 'note' | 'signal'>,
): Promise<string> {
  const { repository, revision } = parseHubReference(reference);
  const name = [repository.replace('/', '--'), revision.replaceAll('/', '--'), weights ?? 'default'].join(
    '@',
  );
  const folder = join(cacheFolder(), 'models', name);
  const sink = new FolderSink(folder);
  if (await sink.read('pack.json')) {
    console.note(`${reference} was imported before: ${folder}`);
    return folder;
  }
  await importModel({
    ...{ sink, source: await openReference(reference) },
    ...(weights !== undefined && { weights }),
    signal: console.signal,
    onProgress: importNotes(console),
  });
  return folder;
}
