/** Fills a collection of a server with a corpus: in batches, in row order, and from where an earlier push stopped. */
import type { EncoderIdentity } from '../../protocol/corpus';
import { AppError, throwIfAborted, toEnvelope } from '../../protocol/errors';
import type { OnProgress, Passage } from '../../protocol/retrieval';
import type { Bm25Index } from '../bm25/bm25-index';
import { passagePrefix, queryPrefix } from '../encoder/e5';
import { passagesAt, type PassageSource } from '../passage-text';
import type { RemoteEngine, RemoteRow } from './remote-engine';
import { REMOTE_FORMAT, type RemoteManifest } from './remote-manifest';
import { PassageWeights, TermNumbers } from './sparse-terms';

export interface PushSource {
  name: string;
  /** Tells one corpus from another: the hash of a pack's manifest. */
  pack: string;
  encoder: EncoderIdentity | null;
  analyzer: string;
  passages: PassageSource;
  bm25: Bm25Index;
  /** Null where there is no encoder. */
  vectorAt: ((row: number) => Float32Array) | null;
}

export interface PushOptions {
  /** Rows of a request; default 256. */
  batch?: number;
  /** Deletes what the collection holds before. */
  replace?: boolean;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

export interface PushReport {
  passages: number;
  /** Rows that an earlier push had left. */
  resumed: number;
}

/** Between two notes of how far it has come, in rows: what a cut push sends again at most. */
const NOTE_EVERY = 2_048;

/** @throws AppError as the engine; BAD_INPUT where the collection holds another corpus */
export async function pushCorpus(
  source: PushSource,
  engine: RemoteEngine,
  { batch = 256, replace = false, onProgress, signal }: PushOptions = {},
): Promise<PushReport> {
  throwIfAborted(signal);
  const total = source.passages.length;
  let manifest = await begin(source, engine, replace, signal);
  const resumed = manifest.rows;
  const weights = new PassageWeights(source.bm25, new TermNumbers(manifest));
  const report = (done: number): void =>
    onProgress?.({ done, total, unit: 'passages', label: 'Pushing passages' });
  report(resumed);
  for (let row = resumed; row < total;) {
    throwIfAborted(signal);
    const end = Math.min(row + batch, total);
    const rows: RemoteRow[] = [];
    const wanted = Array.from({ length: end - row }, (_, i) => row + i);
    const passages = await passagesAt(source.passages, wanted, signal);
    for (; row < end; row++) rows.push(rowOf(source, passages, weights, row));
    await engine.write(rows, signal);
    report(row);
    if (row === total || row - manifest.rows >= NOTE_EVERY) {
      manifest = { ...manifest, rows: row };
      await engine.note(manifest, signal);
    }
  }
  return { passages: total, resumed };
}

function rowOf(
  { vectorAt }: PushSource,
  passages: ReadonlyMap<number, Passage>,
  weights: PassageWeights,
  row: number,
): RemoteRow {
  const passage = passages.get(row);
  if (!passage) {
    throw new AppError('INTEGRITY', `Passage ${row} of the index is missing.`, { fix: 'Build it again.' });
  }
  return { row, passage, sparse: weights.at(row), ...(vectorAt && { vector: vectorAt(row) }) };
}

/** The manifest of the collection: that of an earlier push of the same corpus, or a new one in a new collection. */
async function begin(
  source: PushSource,
  engine: RemoteEngine,
  replace: boolean,
  signal: AbortSignal | undefined,
): Promise<RemoteManifest> {
  const there = await manifestOf(engine, replace, signal);
  if (there && there.pack === source.pack && !replace) return there;
  if (there && !replace) {
    throw new AppError('BAD_INPUT', `The collection holds another corpus, "${there.name}".`, {
      fix: 'Choose another name, or --replace to delete what is there.',
    });
  }
  if (there) await engine.remove(signal);
  const { k1, b } = source.bm25.data.parameters;
  const numbers = TermNumbers.of(source.bm25.data.terms);
  const manifest: RemoteManifest = {
    format: REMOTE_FORMAT,
    version: 1,
    name: source.name,
    pack: source.pack,
    passages: source.passages.length,
    rows: 0,
    encoder: source.encoder,
    ...(source.encoder && { prefixes: { query: queryPrefix, passage: passagePrefix } }),
    ...{ analyzer: source.analyzer, k1, b },
    ...(Object.keys(numbers).length > 0 && { numbers }),
  };
  await engine.create(manifest, signal);
  return manifest;
}

/** Undefined where there is no collection. One that is not ours is never deleted, unless that was asked for. */
async function manifestOf(
  engine: RemoteEngine,
  replace: boolean,
  signal: AbortSignal | undefined,
): Promise<RemoteManifest | undefined> {
  try {
    return await engine.manifest(signal);
  } catch (error) {
    const { code } = toEnvelope(error);
    if (code === 'NOT_FOUND') return undefined;
    if (code === 'UNSUPPORTED' && replace) {
      await engine.remove(signal);
      return undefined;
    }
    throw error;
  }
}
