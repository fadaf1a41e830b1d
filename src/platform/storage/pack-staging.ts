/** Chunks of index packs that wait until all have come: `packs/<hash of the manifest>/<chunk>`. */
import type { RangedFileStore } from './file-store';
import type { Locks } from './locks';

const FOLDER = 'packs';
const folderOf = (pack: string): string => `${FOLDER}/${pack}`;

/** What `PackStaging` of the retrieval room asks for. */
export function createPackStaging({ files, locks }: { files: RangedFileStore; locks: Locks }) {
  return {
    read: (pack: string, path: string) => files.read(`${folderOf(pack)}/${path}`),
    write: (pack: string, path: string, bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal) =>
      files.write(`${folderOf(pack)}/${path}`, bytes, signal),
    async list(pack: string): Promise<Map<string, number>> {
      const entries = await files.walk(folderOf(pack));
      return new Map(entries.map(({ path, bytes }) => [path, bytes]));
    },
    packs: () => files.list(FOLDER),
    remove: (pack: string) => files.remove(folderOf(pack)),
    hold: <T>(pack: string, work: () => Promise<T>): Promise<T> => locks.hold(`s3:pack:${pack}`, work),
  };
}
