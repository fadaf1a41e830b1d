/** Import: any model in, a pack out. The same code in the page and on the command line. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type {
  FileSink,
  ImportReport,
  ImportSummary,
  OnImportProgress,
  WeightType,
} from '../../protocol/model-import';
import { sha256Hex } from '../../retrieval/sha256';
import type { Sha256 } from '../formats/pack-checkpoint';
import {
  MAX_SHARD_BYTES,
  PACK_FILE,
  parseManifest,
  type PackFile,
  type PackManifest,
} from '../formats/pack-manifest';
import { copyPack } from './copy-pack';
import { JOURNAL_FILE, planKey, resumeJournal, shardPath, writeJournal } from './import-journal';
import { makePlan, type ImportPlan } from './import-plan';
import { makeManifest, manifestBytes } from './make-manifest';
import type { ModelTexts } from './model-texts';
import { closeModel, openModel, type OpenedModel } from './open-model';
import type { ModelSource } from './model-source';
import { fillShard } from './shard-writer';

export interface PlanImportOptions {
  source: ModelSource;
  /** Which GGUF file, where the source has several. */
  file?: string;
  /** Of the matrices. Default: as stored where the source has blocks, else `q4`. */
  weights?: WeightType;
  signal?: AbortSignal;
}

export interface ImportModelOptions extends PlanImportOptions {
  sink: FileSink;
  /** Lower-case hexadecimal SHA-256. Default: WebCrypto's. */
  sha256?: Sha256;
  onProgress?: OnImportProgress;
  /** Default: a 32nd of the pack, at most 64 MiB. */
  shardBytes?: number;
}

/**
 * Reads config and tensor tables, no weights: what an import would do, transfer and need.
 * @throws AppError as `importModel`
 */
export async function planImport(options: PlanImportOptions): Promise<ImportSummary> {
  const model = await openModel(options);
  try {
    return makePlan(model, options.weights).summary;
  } finally {
    await closeModel(model);
  }
}

/**
 * Turns a model into a pack in the sink: tensor by tensor, some rows at a time, quantised as they come. One piece of the source and one
 * shard are in memory, never more. After an error or an abort the sink keeps what is complete, and the same call goes on from there.
 * @throws AppError
 *   NOT_FOUND no such repository, revision or file · AUTH gated or private, a token is needed or was refused · RATE_LIMITED ·
 *   NETWORK offline, cut, or the server fails · TIMEOUT stalled · BAD_RESPONSE not a hub's answer · BAD_INPUT files that do not belong
 *   together · UNSUPPORTED architecture or type, by name · INTEGRITY damaged, or changed while it was read · STORAGE_FULL · PERMISSION ·
 *   ABORTED
 */
export async function importModel(options: ImportModelOptions): Promise<ImportReport> {
  const { sink, weights, onProgress, signal, sha256 = sha256Hex } = options;
  throwIfAborted(signal);
  onProgress?.({ phase: 'plan', done: 0, total: 0, resumed: 0, label: options.source.origin().name });
  const model = await openModel(options);
  try {
    const plan = makePlan(model, weights, options.shardBytes);
    // What is there already: the same model's import is done, another's must not be mixed with it.
    if (model.manifest && (weights === undefined || weights === model.manifest.weights)) {
      return await copyPack({
        ...{ model, manifest: model.manifest, plan, sink, sha256 },
        source: options.source,
        onProgress,
        signal,
      });
    }
    return await packModel(model, { ...options, sha256 });
  } finally {
    await closeModel(model);
  }
}

export type PackModelOptions = Omit<ImportModelOptions, 'source' | 'file'>;

/**
 * Writes a model that is open as a pack: what `importModel` does after opening. For models that lie in no source, such as one with an
 * adapter merged in; its origin must then say so, since an interrupted attempt is known by it.
 * @throws AppError as `importModel`
 */
export function packModel(model: OpenedModel, options: PackModelOptions): Promise<ImportReport> {
  const plan = makePlan(model, options.weights, options.shardBytes);
  return new Import(plan, { ...options, sha256: options.sha256 ?? sha256Hex }).run();
}

class Import {
  readonly #plan: ImportPlan;
  readonly #options: PackModelOptions & { sha256: Sha256 };
  #done = 0;
  #resumed = 0;

  constructor(plan: ImportPlan, options: PackModelOptions & { sha256: Sha256 }) {
    this.#plan = plan;
    this.#options = options;
  }

  async run(): Promise<ImportReport> {
    const { sink, sha256, signal } = this.#options;
    const { shards, summary } = this.#plan;
    const key = await planKey(this.#plan, sha256);
    // From here on the folder is no model until the new manifest is written.
    await sink.remove(PACK_FILE);
    const paths = shards.map((_, i) => shardPath(i));
    const journal = await resumeJournal(
      sink,
      key,
      sha256,
      ({ path }) => this.#found(paths.indexOf(path)),
      signal,
    );
    const finished = new Map(journal.files.map((file) => [file.path, file]));
    const keep = async (path: string, bytes: Uint8Array<ArrayBuffer>): Promise<PackFile> => {
      const file = { path, bytes: bytes.length, sha256: await sha256(bytes) };
      throwIfAborted(signal);
      await sink.write(path, bytes, signal);
      finished.set(path, file);
      journal.files = [...finished.values()];
      await writeJournal(sink, journal, signal);
      return file;
    };
    // First, since they are small and most of what can be wrong with them is not worth a download.
    const texts = await this.#plan.model.texts(signal);
    const files: PackFile[] = [];
    for (const { path, bytes } of textFiles(texts)) {
      const there = finished.get(path);
      const same = there !== undefined && there.sha256 === (await sha256(bytes));
      files.push(same ? there : await keep(path, bytes));
    }
    const written: PackFile[] = [];
    const buffer = new Uint8Array(shards.reduce((most, { bytes }) => Math.max(most, bytes), 0));
    for (const [i, shard] of shards.entries()) {
      const path = paths[i] ?? '';
      const there = finished.get(path);
      if (there) {
        written.push(there);
        continue;
      }
      const onRows = (bytes: number, label: string): void => this.#advance(bytes, label);
      await fillShard(shard, buffer, { error: journal.error, onRows, signal });
      written.push(await keep(path, buffer.subarray(0, shard.bytes)));
    }
    this.#report('finish', PACK_FILE);
    await this.#finish(makeManifest({ plan: this.#plan, texts, shards: written, files }));
    const { difference, reference } = journal.error;
    return {
      ...summary,
      notices: [...summary.notices, ...(texts.tokenizer ? [] : [NO_TOKENIZER])],
      resumedBytes: this.#resumed,
      ...(reference > 0 && { relativeError: Math.sqrt(difference / reference) }),
    };
  }

  async #finish(manifest: PackManifest): Promise<void> {
    const { sink, signal } = this.#options;
    const bytes = manifestBytes(manifest);
    parseManifest(bytes); // What we could not read again must not be written.
    await sink.write(PACK_FILE, bytes, signal);
    await sink.remove(JOURNAL_FILE);
    await sink.commit();
  }

  /** A shard of an earlier attempt is sound. */
  #found(index: number): void {
    const shard = this.#plan.shards[index];
    if (!shard) return;
    for (const { tensor, rows } of shard.pieces) {
      const bytes = Math.round((tensor.stored.bytes * rows) / (tensor.shape[0] ?? 1));
      this.#resumed += bytes;
      this.#done += bytes;
    }
    this.#report('plan', 'checking what is there');
  }

  #advance(bytes: number, label: string): void {
    this.#done += bytes;
    this.#report('transfer', label);
  }

  #report(phase: 'plan' | 'transfer' | 'finish', label: string): void {
    const total = this.#plan.summary.sourceBytes;
    const done = phase === 'finish' ? total : Math.min(this.#done, total);
    this.#options.onProgress?.({ phase, done, total, resumed: this.#resumed, label });
  }
}

const NO_TOKENIZER = {
  kind: 'no tokenizer',
  tensors: 0,
  message: 'The source has no tokenizer that can be read: the model works with token ids only.',
} as const;

function textFiles(texts: ModelTexts): { path: string; bytes: Uint8Array<ArrayBuffer> }[] {
  const files = [texts.tokenizer, texts.tokenizerConfig, ...texts.others].filter(
    (file) => file !== undefined,
  );
  const large = files.find(({ bytes }) => bytes.length > MAX_SHARD_BYTES);
  if (!large) return files;
  throw new AppError(
    'UNSUPPORTED',
    `${large.path} has ${large.bytes.length} bytes, more than a pack may hold.`,
    {
      fix: 'Choose another model.',
    },
  );
}
