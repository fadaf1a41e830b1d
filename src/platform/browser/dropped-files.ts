/** Files from a drop or a picker, folders walked through, each with its path. */

export interface PickedFile {
  /** With the folder: `notes/rivers.md`. */
  path: string;
  file: File;
}

/** A mistaken drop of a home folder must not hang the page. */
export const MAX_FILES = 20_000;

// What no one means when dropping a folder.
const isClutter = (name: string): boolean =>
  name.startsWith('.') || name === 'node_modules' || name === '__MACOSX';

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

/** `readEntries` hands out a folder in portions; an empty one is the end. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return all;
    all.push(...portion);
  }
}

async function walk(entry: FileSystemEntry, found: PickedFile[]): Promise<void> {
  if (found.length >= MAX_FILES || isClutter(entry.name)) return;
  if (entry.isFile) {
    found.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry as FileSystemFileEntry) });
    return;
  }
  const children = await childrenOf(entry as FileSystemDirectoryEntry);
  children.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const child of children) await walk(child, found);
}

/** Must be called within the drop event: the browser empties the list afterwards. */
export async function filesOfDrop(transfer: DataTransfer): Promise<PickedFile[]> {
  const entries = [...transfer.items].flatMap((item) => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null;
    return entry ? [entry] : [];
  });
  if (entries.length === 0) return filesOfList(transfer.files);
  const found: PickedFile[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

export function filesOfList(list: FileList | null): PickedFile[] {
  return [...(list ?? [])]
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .filter(({ path }) => !path.split('/').some(isClutter))
    .slice(0, MAX_FILES);
}
