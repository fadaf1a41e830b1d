/** A pack is copied as it is, file by file, each hashed on the way; a file that is there and sound is not fetched again. */
import { throwIfAborted } from '../../protocol/errors';
import type { FileSink, ImportReport, OnImportProgress } from '../../protocol/model-import';
import { readPackFile, type Sha256 } from '../formats/pack-checkpoint';
import { PACK_FILE, type PackManifest } from '../formats/pack-manifest';
import { isShard, JOURNAL_FILE } from './import-journal';
import type { ImportPlan } from './import-plan';
import { manifestBytes } from './make-manifest';
import type { ModelSource } from './model-source';

export interface CopyPackOptions {
  source: ModelSource;
  manifest: PackManifest;
  plan: ImportPlan;
  sink: FileSink;
  sha256: Sha256;
  onProgress: OnImportProgress | undefined;
  signal: AbortSignal | undefined;
}

export async function copyPack(options: CopyPackOptions): Promise<ImportReport> {
  const { source, manifest, plan, sink, sha256, onProgress, signal } = options;
  await sink.remove(PACK_FILE);
  const files = [...manifest.files, ...manifest.shards];
  const wanted = new Set(files.map(({ path }) => path));
  const there = new Map((await sink.list()).map((file) => [file.path, file.bytes]));
  for (const path of there.keys()) if (isShard(path) && !wanted.has(path)) await sink.remove(path);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  let resumed = 0;
  for (const file of files) {
    throwIfAborted(signal);
    const kept = there.get(file.path) === file.bytes ? await sink.read(file.path, signal) : null;
    if (kept && (await sha256(kept)) === file.sha256) {
      resumed += file.bytes;
    } else {
      const bytes = await readPackFile(file, (path) => source.open(path, signal), sha256, signal);
      await sink.write(file.path, bytes, signal);
    }
    done += file.bytes;
    onProgress?.({ phase: 'transfer', done, total, resumed, label: file.path });
  }
  onProgress?.({ phase: 'finish', done: total, total, resumed, label: PACK_FILE });
  await sink.write(PACK_FILE, manifestBytes(manifest), signal);
  await sink.remove(JOURNAL_FILE);
  await sink.commit();
  return { ...plan.summary, weights: manifest.weights, sourceBytes: total, resumedBytes: resumed };
}
