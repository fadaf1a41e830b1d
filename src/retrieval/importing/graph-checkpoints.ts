/**
 * A graph that is being built, among the staged files: `graph.part-<rows>.<of which vectors>.<of which bytes>`, the last two the beginnings
 * of SHA-256. A new one is written beside the one before, which goes then: whenever the tab is closed, one of them is whole.
 */
import { toEnvelope } from '../../protocol/errors';
import type { StagedCorpus } from '../../protocol/staged-corpus';
import type { GraphCheckpoints } from '../build-vector-index';
import { sha256Hex } from '../sha256';

const NAME = /^graph\.part-(\d+)\.([0-9a-f]{16})\.([0-9a-f]{16})$/;
const DIGITS = 16;

interface Part {
  name: string;
  rows: number;
  vectors: string;
  bytes: string;
}

/** Those among the files, the furthest first. */
const partsOf = (files: readonly string[]): Part[] =>
  files
    .flatMap((name): Part[] => {
      const [, rows, vectors, bytes] = NAME.exec(name) ?? [];
      return rows && vectors && bytes ? [{ name, rows: Number(rows), vectors, bytes }] : [];
    })
    .sort((a, b) => b.rows - a.rows);

/** How many rows the graph among these files has; 0 where there is none. */
export const graphRows = (files: readonly string[]): number => partsOf(files)[0]?.rows ?? 0;

/** `vectors`: the sha256 of those that it is over. `isKept`: whether what is staged stays when the work is stopped now; else nothing is written. */
export function graphCheckpoints(
  staged: Pick<StagedCorpus, 'list' | 'read' | 'write' | 'remove'>,
  vectors: string,
  { isKept, everyMs }: { isKept: () => boolean; everyMs?: number | undefined },
): GraphCheckpoints {
  const own = vectors.slice(0, DIGITS);

  async function removeOthers(kept: string): Promise<void> {
    for (const { name } of partsOf(await staged.list())) if (name !== kept) await staged.remove(name);
  }

  return {
    everyMs,
    async read() {
      for (const part of partsOf(await staged.list())) {
        const file = part.vectors === own ? await staged.read(part.name) : null;
        if (file && (await hashOf(file)) === part.bytes) {
          await removeOthers(part.name);
          return file;
        }
        // Of vectors that have changed since, or cut off while it was written.
        await staged.remove(part.name);
      }
      return null;
    },
    async write(rows, save) {
      if (rows === 0 || !isKept()) return;
      const file = save();
      const name = `graph.part-${rows}.${own}.${await hashOf(file)}`;
      try {
        await staged.write(name, file);
      } catch (error) {
        // The one before stays. Whether there is room for the whole graph is seen when it is written.
        await staged.remove(name);
        if (toEnvelope(error).code === 'STORAGE_FULL') return;
        throw error;
      }
      await removeOthers(name);
    },
  };
}

const hashOf = async (file: Uint8Array<ArrayBuffer>): Promise<string> =>
  (await sha256Hex(file)).slice(0, DIGITS);
