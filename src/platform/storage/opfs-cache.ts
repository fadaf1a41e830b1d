import { hasOpfs, OpfsFileStore } from './opfs-file-store';

/** Bytes that can be made again, in a folder of the origin's private file system; `null` where there is none. */
export function opfsCache(folder: string): {
  read(name: string): Promise<Uint8Array<ArrayBuffer> | null>;
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
} | null {
  if (!hasOpfs()) return null;
  const files = new OpfsFileStore();
  return {
    read: (name) => files.read(`${folder}/${name}`),
    write: (name, bytes) => files.write(`${folder}/${name}`, bytes),
  };
}
