/** What the loopback hub serves: files of a folder, or bytes that are made when they are asked for. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';

export interface HubFile {
  size: number;
  etag: string;
  /** Bytes `start` to `end`, the end left out. */
  read(start: number, end: number): Uint8Array;
}

/** Files by path below `owner/name`, in place of a folder. */
export type MadeFiles = ReadonlyMap<string, HubFile>;

/** The file that `repository/path` names; undefined where there is none. */
export async function findFile(
  root: string,
  made: MadeFiles,
  repository: string,
  path: string,
): Promise<HubFile | undefined> {
  const virtual = made.get(`${repository}/${path}`);
  if (virtual) return virtual;
  const file = resolve(root, repository, path);
  if (!file.startsWith(resolve(root) + sep)) return undefined;
  const bytes = await readFile(file).catch(() => undefined);
  if (!bytes) return undefined;
  return {
    size: bytes.length,
    etag: createHash('sha256').update(bytes).digest('hex'),
    read: (start, end) => bytes.subarray(start, end),
  };
}

/** Paths and lengths of a repository's files. */
export async function listFiles(
  root: string,
  made: MadeFiles,
  repository: string,
): Promise<{ path: string; size: number; etag: string | undefined }[]> {
  const folder = resolve(root, repository);
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files: { path: string; size: number; etag: string | undefined }[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const info = await stat(path);
    if (!info.isFile()) continue;
    files.push({ path: relative(folder, path).split(sep).join('/'), size: info.size, etag: undefined });
  }
  for (const [path, { size, etag }] of made) {
    if (path.startsWith(`${repository}/`))
      files.push({ path: path.slice(repository.length + 1), size, etag });
  }
  return files;
}
