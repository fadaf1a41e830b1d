import { afterEach, describe, expect, it } from 'vitest';
import { connect, proxy, type RpcConnection } from '../../src/platform/rpc/connection';
import { startRetrievalWorker } from '../../src/platform/browser/start-worker';
import type { CorpusServiceApi } from '../../src/protocol/corpus';
import type { Progress } from '../../src/protocol/retrieval';
import { storedFolders } from './retrieval-tab';

type Connection = RpcConnection<CorpusServiceApi>;
const open = new Set<Connection>();

/** As another tab, or this one after a reload: new workers, nothing in memory. */
function start(): Connection {
  const connection = connect<CorpusServiceApi>(startRetrievalWorker());
  open.add(connection);
  return connection;
}

function kill(connection: Connection): void {
  open.delete(connection);
  connection.close();
}
afterEach(() => open.forEach(kill));

const PASSAGES = 2_000;
const rows = Array.from({ length: PASSAGES }, (_, i) =>
  JSON.stringify({
    id: `p${i}`,
    title: `Lighthouse ${i}`,
    text: `Its keeper${i} wrote about the sea. `.repeat(8),
  }),
);
const request = (encoder: string | null, passages = PASSAGES) => ({
  ...{ name: 'Lighthouses', encoder },
  files: [{ path: 'rows.jsonl', file: new Blob([rows.slice(0, passages).join('\n')]) }],
});

const until = async (held: () => Promise<boolean>): Promise<void> => {
  while (!(await held())) await new Promise((resolve) => setTimeout(resolve, 20));
};
/** A worker that is stopped lets go of its locks a moment later. */
const locksFree = async (): Promise<boolean> => {
  const { held = [] } = await navigator.locks.query();
  return held.every(({ name }) => name?.startsWith('s3:') !== true);
};

/** What is found after a tab was closed: nothing, a whole corpus, or an import that goes on and becomes one. */
async function recover(passages: number): Promise<'absent' | 'complete' | 'resumed'> {
  await until(locksFree);
  const connection = start();
  const { remote } = connection;
  const before = await remote.listCorpora();
  const unfinished = await remote.listUnfinished();
  expect(before.length + unfinished.length).toBeLessThanOrEqual(1);
  for (const { id } of unfinished) await remote.resumeImport(id);
  const records = await remote.listCorpora();
  for (const { id, passages: stored } of records) {
    expect(stored).toBe(passages);
    const [hits] = await remote.search(id, 'bm25', [`keeper${passages - 1}`], 1);
    expect(hits?.[0]?.passage.id).toBe(`p${passages - 1}`);
    await remote.deleteCorpus(id);
  }
  expect(await remote.listUnfinished()).toEqual([]);
  expect(await storedFolders()).toEqual([]);
  kill(connection);
  return unfinished.length > 0 ? 'resumed' : records.length > 0 ? 'complete' : 'absent';
}

/** Imports, and closes the tab after so many milliseconds of it, or when it is done. */
async function importKilledAfter(ms: number, encoder: string | null, passages: number): Promise<void> {
  const connection = start();
  // Its start is not what is to be interrupted.
  await connection.remote.listCorpora();
  const importing = connection.remote.importFiles(request(encoder, passages)).then(
    () => undefined,
    () => undefined, // Closed in the middle of it.
  );
  await Promise.race([importing, new Promise((resolve) => setTimeout(resolve, ms))]);
  kill(connection);
}

describe('an import whose tab is closed', () => {
  it('is absent, complete, or goes on: at 30 points of it', { timeout: 300_000 }, async () => {
    const connection = start();
    await connection.remote.listCorpora();
    const started = performance.now();
    const { record } = await connection.remote.importFiles(request(null));
    const whole = performance.now() - started;
    await connection.remote.deleteCorpus(record.id);
    kill(connection);
    const seen = { absent: 0, complete: 0, resumed: 0 };
    for (let i = 0; i < 30; i++) {
      await importKilledAfter(((i + Math.random()) / 28) * whole, null, PASSAGES);
      seen[await recover(PASSAGES)]++;
    }
    console.info(`import ${Math.round(whole)} ms; killed:`, JSON.stringify(seen));
    expect(seen.absent + seen.complete + seen.resumed).toBe(30);
    expect(seen.absent).toBeGreaterThan(0);
  });

  it('goes on with embedding where it was', { timeout: 120_000 }, async () => {
    const connection = start();
    const passages = 600;
    const embedded = new Promise<void>((resolve) => {
      connection.remote
        .importFiles(
          request('demo', passages),
          proxy(({ label, done }: Progress) => {
            if (label === 'Embedding' && done > 256) resolve();
          }),
        )
        .catch(() => undefined); // Closed in the middle of it.
    });
    await embedded;
    kill(connection);
    await until(locksFree);
    const again = start();
    const [unfinished] = await again.remote.listUnfinished();
    expect(unfinished).toMatchObject({ name: 'Lighthouses', passages });
    expect(unfinished?.embedded).toBeGreaterThanOrEqual(256);
    const seen: number[] = [];
    const { record } = await again.remote.resumeImport(
      unfinished?.id ?? '',
      proxy(({ label, done }: Progress) => {
        if (label === 'Embedding') seen.push(done);
      }),
    );
    expect(seen[0]).toBe(256); // The part that was there, without the encoder.
    expect(seen.at(-1)).toBe(passages);
    expect((await again.remote.search(record.id, 'dense', ['keeper'], 5))[0]).toHaveLength(5);
    await again.remote.deleteCorpus(record.id);
  });
});

describe('imports in two tabs', () => {
  it('come one after the other', { timeout: 60_000 }, async () => {
    const [first, second] = [start(), start()];
    const labels: (string | undefined)[] = [];
    const importing = first.remote.importFiles(request(null));
    await until(
      async () => (await navigator.locks.query()).held?.some(({ name }) => name === 's3:import') ?? false,
    );
    const other = second.remote.importFiles(
      request(null),
      proxy(({ label }: Progress) => void labels.push(label)),
    );
    const records = (await Promise.all([importing, other])).map(({ record }) => record);
    expect(labels[0]).toContain('Waiting');
    expect(new Set(records.map(({ id }) => id)).size).toBe(2);
    // Both searched as one corpus.
    const both = records.map(({ id }) => id).join('+');
    const [hits] = await second.remote.search(both, 'bm25', ['keeper7'], 3);
    expect(hits?.map(({ passage }) => passage.id)).toEqual(['p7', 'p7']);
    for (const { id } of records) await second.remote.deleteCorpus(id);
  });
});
