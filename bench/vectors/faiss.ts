import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Faiss {
  /** Milliseconds of one search of `queries` queries. */
  time(queries: number): Promise<number>;
  close(): void;
}

/** Null where Python or its FAISS (Debian: python3-faiss) is not installed. */
export async function openFaiss(
  file: string,
  sizes: { count: number; dimensions: number; queries: number; threads: number },
): Promise<Faiss | null> {
  const { count, dimensions, queries, threads } = sizes;
  const script = fileURLToPath(new URL('flat_peer.py', import.meta.url));
  const child = spawn(
    '/usr/bin/python3',
    [script, file, ...[count, dimensions, queries, threads].map(String)],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) },
    },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const failed = new Promise<null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', () => resolve(null));
  });
  const first = await Promise.race([lines.next(), failed]);
  if (first?.value !== 'ready') return null;
  return {
    async time(asked) {
      child.stdin.write(`${asked}\n`);
      const answer = await lines.next();
      return Number(String(answer.value));
    },
    close: () => child.stdin.end(),
  };
}
