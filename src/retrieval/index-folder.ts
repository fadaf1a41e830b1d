/**
 * An index as a folder of files, as the command line writes it: `manifest.json` with the sha256 of every other file. A folder is
 * complete or absent: it is written under another name and renamed at the end.
 */
import { AppError } from '../protocol/errors';
import { CORPUS_FILES, type CorpusFile, type EncoderIdentity } from '../protocol/corpus';
import { OpenCorpus } from './corpus-files';
import { sha256Hex } from './sha256';

export const MANIFEST = 'manifest.json';
const FORMAT = 's3-web/index';
const VERSION = 1;

/** What is needed of a file system; `src/platform/node` has the real one. Paths are as the system writes them. */
export interface FolderSystem {
  join(...parts: string[]): string;
  exists(path: string): Promise<boolean>;
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Creates the folders above. */
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Whatever it is, with what is in it; nothing there is no error. */
  remove(path: string): Promise<void>;
}

export interface IndexManifest {
  format: typeof FORMAT;
  version: typeof VERSION;
  name: string;
  /** ISO 8601. */
  createdAt: string;
  passages: number;
  encoder: EncoderIdentity | null;
  files: Record<string, { bytes: number; sha256: string }>;
}

export interface NewIndex {
  name: string;
  createdAt: string;
  passages: number;
  encoder: EncoderIdentity | null;
}

/** Replaces an index that is there already; refuses to replace anything else. */
export async function writeIndexFolder(
  system: FolderSystem,
  folder: string,
  index: NewIndex,
  files: readonly CorpusFile[],
): Promise<IndexManifest> {
  const occupied = await system.exists(folder);
  if (occupied && !(await system.exists(system.join(folder, MANIFEST)))) {
    throw new AppError('BAD_INPUT', `${folder} is there already and is no index.`, {
      fix: 'Choose another folder, or remove this one yourself.',
    });
  }
  const manifest: IndexManifest = { format: FORMAT, version: VERSION, ...index, files: {} };
  const fresh = `${folder}.new`;
  const old = `${folder}.old`;
  await system.remove(fresh);
  try {
    for (const { name, bytes } of files) {
      await system.write(system.join(fresh, name), bytes);
      manifest.files[name] = { bytes: bytes.byteLength, sha256: await sha256Hex(bytes) };
    }
    await system.write(
      system.join(fresh, MANIFEST),
      new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`),
    );
  } catch (error) {
    await system.remove(fresh);
    throw error;
  }
  await system.remove(old);
  if (occupied) await system.rename(folder, old);
  await system.rename(fresh, folder);
  await system.remove(old);
  return manifest;
}

const damaged = (folder: string, what: string, cause?: unknown): AppError =>
  new AppError('INTEGRITY', `The index in ${folder} cannot be used: ${what}.`, {
    fix: 'Build it again.',
    ...(cause === undefined ? {} : { cause }),
  });

export async function readManifest(system: FolderSystem, folder: string): Promise<IndexManifest> {
  const path = system.join(folder, MANIFEST);
  if (!(await system.exists(path))) {
    throw new AppError('NOT_FOUND', `There is no index in ${folder}.`, {
      fix: 'Build one with "index build".',
    });
  }
  let manifest: Partial<IndexManifest>;
  try {
    manifest = JSON.parse(new TextDecoder().decode(await system.read(path))) as Partial<IndexManifest>;
  } catch (cause) {
    throw damaged(folder, 'its manifest is no JSON', cause);
  }
  if (manifest.format !== FORMAT) throw damaged(folder, 'its manifest is of another kind');
  if (manifest.version !== VERSION) {
    throw new AppError('UNSUPPORTED', `The index in ${folder} has version ${String(manifest.version)}.`, {
      fix: 'Build it again with this version.',
    });
  }
  if (typeof manifest.files !== 'object' || manifest.files === null)
    throw damaged(folder, 'its manifest names no files');
  return manifest as IndexManifest;
}

/** Files are checked against the manifest as they are read. */
export async function openIndexFolder(
  system: FolderSystem,
  folder: string,
): Promise<{ manifest: IndexManifest; corpus: OpenCorpus }> {
  const manifest = await readManifest(system, folder);
  const known: readonly string[] = Object.values(CORPUS_FILES);
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const entry =
      known.includes(name) && Object.hasOwn(manifest.files, name) ? manifest.files[name] : undefined;
    if (!entry) throw damaged(folder, `${name} is missing`);
    const bytes = await system.read(system.join(folder, name)).catch((cause: unknown) => {
      throw damaged(folder, `${name} cannot be read`, cause);
    });
    if ((await sha256Hex(bytes)) !== entry.sha256) throw damaged(folder, `${name} has been altered`);
    return bytes;
  };
  return { manifest, corpus: await OpenCorpus.open(read, manifest.encoder ?? null) };
}
