import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inRepository, madeCheckpoint, SMALL_QWEN } from '../../../tests/models/made-checkpoint';
import { MemorySink } from '../../../tests/models/memory-sink';
import { startHubServer, type HubOptions, type HubServer } from '../../../tests/servers/hub-server';
import type { Clock } from '../../protocol/clock';
import { toEnvelope } from '../../protocol/errors';
import { HubSource, type HubSourceOptions } from './hub-source';
import { importModel, type ImportModelOptions } from './import-model';

const REPOSITORY = 'owner/model';
const FILE = 'model.safetensors';
/** About 1 MB of weights. */
const CONFIG = { ...SMALL_QWEN, hidden_size: 128, intermediate_size: 256, vocab_size: 1024 };
const made = inRepository(
  REPOSITORY,
  madeCheckpoint({ config: CONFIG, type: 'BF16', texts: { 'tokenizer.json': '{"version":"1.0"}' } }),
);
const fileBytes = made.get(`${REPOSITORY}/${FILE}`)!.size;

let hub: HubServer;
let sink: MemorySink;
let waits: number[];
beforeEach(async () => {
  sink = new MemorySink();
  waits = [];
  hub = await startHubServer('/nowhere', { made });
});
afterEach(() => hub.close());

async function restart(options: HubOptions): Promise<void> {
  await hub.close();
  hub = await startHubServer('/nowhere', { made, ...options });
}

/** Remembers how long was to be waited, and does not wait. */
const clock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => {
    waits.push(ms);
    return signal?.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve();
  },
};

const source = (more: Partial<HubSourceOptions> = {}): HubSource =>
  new HubSource({
    ...{ hub: hub.url, repository: REPOSITORY, revision: 'main', clock, stallMs: 5000 },
    fetch: (url, init) => fetch(url, init),
    ...more,
  });

const run = (more: Partial<ImportModelOptions> = {}) =>
  importModel({ source: source(), sink, weights: 'q4', ...more });

/** Aborts when so much is done. */
function stopAt(share: number): Pick<ImportModelOptions, 'onProgress' | 'signal'> {
  const stop = new AbortController();
  const onProgress: ImportModelOptions['onProgress'] = ({ phase, done, total }) => {
    if (phase === 'transfer' && done >= total * share) stop.abort();
  };
  return { onProgress, signal: stop.signal };
}

const served = (): number =>
  hub.requests.filter(({ path }) => path.endsWith(FILE)).reduce((sum, { sent }) => sum + sent, 0);

function expectNoModel(): void {
  expect(sink.files.has('pack.json')).toBe(false);
  expect(sink.committed).toBe(0);
}

async function expectFailure(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = toEnvelope(await work.catch((thrown: unknown) => thrown));
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  if (code !== 'ABORTED') expect(error.fix).not.toBe('');
  expectNoModel();
}

describe('a download that is disturbed and recovers', () => {
  it.each([
    ['is cut', { kind: 'truncate' } as const, 3],
    ['is cut before its first byte', { kind: 'truncate', bytes: 0 } as const, 3],
    ['stalls', { kind: 'stall' } as const, 1],
    ['meets a server that fails', { kind: 'status', status: 500 } as const, 3],
    ['meets a server that is overloaded', { kind: 'status', status: 503 } as const, 3],
  ])('that %s is taken up where it broke', async (_, failure, times) => {
    hub.fail(FILE, failure, times);
    await run({ source: source(failure.kind === 'stall' ? { stallMs: 150 } : {}) });
    expect(sink.committed).toBe(1);
    // What was sent before a cut is not asked for again.
    expect(served()).toBeLessThan(fileBytes * 1.1);
  });

  it('waits as long as the server asks, up to a minute', async () => {
    hub.fail(FILE, { kind: 'status', status: 429, retryAfter: '7' });
    hub.fail('revision/main', { kind: 'status', status: 429, retryAfter: '86400' });
    await run();
    expect(waits).toEqual([60_000, 7000]);
  });

  it('makes do with a server that knows no ranges, as long as the file is small', async () => {
    hub.fail(FILE, { kind: 'whole' }, Infinity);
    await run();
    expect(sink.committed).toBe(1);
  });
});

describe('a download that fails', () => {
  it.each([
    [
      'is cut again and again',
      { kind: 'truncate', bytes: 0 } as const,
      'NETWORK',
      /model\.safetensors.*cut short|connection/,
    ],
    ['stalls again and again', { kind: 'stall', bytes: 0 } as const, 'TIMEOUT', /nothing came/],
    [
      'is told another length',
      { kind: 'wrong length' } as const,
      'INTEGRITY',
      /bytes where the list of files says/,
    ],
    ['meets 404', { kind: 'status', status: 404 } as const, 'NOT_FOUND', /it is not there \(404\)/],
    ['meets 416', { kind: 'status', status: 416 } as const, 'INTEGRITY', /shorter than the list/],
    ['meets 429 for ever', { kind: 'status', status: 429 } as const, 'RATE_LIMITED', /asks to wait/],
    ['meets 500 for ever', { kind: 'status', status: 500 } as const, 'NETWORK', /answered 500/],
    ['meets 401', { kind: 'status', status: 401 } as const, 'AUTH', /access was refused/],
    ['meets another status', { kind: 'status', status: 418 } as const, 'BAD_RESPONSE', /answered 418/],
  ])('because it %s leaves no model', async (_, failure, code, message) => {
    hub.fail(FILE, failure, Infinity);
    const patience = failure.kind === 'stall' ? { stallMs: 50 } : {};
    await expectFailure(run({ source: source(patience) }), code, message);
  });

  it('says that there is no such repository', async () => {
    await expectFailure(
      run({ source: source({ repository: 'owner/other' }) }),
      'NOT_FOUND',
      /no such repository/,
    );
  });

  it('says that the hub cannot be reached', async () => {
    const lost = source();
    await hub.close();
    await expectFailure(run({ source: lost }), 'NETWORK', /no connection to the hub/);
    hub = await startHubServer('/nowhere', { made });
  });

  it('notices a file that changes between two ranges', async () => {
    const changing: HubSourceOptions['fetch'] = (url, init) => {
      if (served() > fileBytes / 2) hub.change(FILE);
      return fetch(url, init);
    };
    await expectFailure(
      run({ source: source({ fetch: changing }) }),
      'INTEGRITY',
      /has changed on the server/,
    );
  });

  it('starts anew where what is stored is of another version', async () => {
    const stopping = stopAt(0.5);
    await expectFailure(run({ ...stopping }), 'ABORTED', /Stopped/);
    const moved = await run({ source: source({ revision: 'v2' }) });
    expect(moved.resumedBytes).toBe(0);
    expect(sink.committed).toBe(1);
  });

  it('stores nothing when there is no room, and says so', async () => {
    sink = new MemorySink(200_000);
    await expectFailure(run(), 'STORAGE_FULL', /no more room/);
  });
});

describe('an interrupted import', () => {
  it.each([0.1, 0.35, 0.5, 0.77, 0.98])(
    'stopped at %d goes on, and fetches at most a tenth again',
    async (share) => {
      const stopping = stopAt(share);
      await expectFailure(run({ ...stopping, shardBytes: 16_000 }), 'ABORTED', /Stopped/);
      const report = await run({ shardBytes: 16_000 });
      expect(report.resumedBytes).toBeGreaterThan(fileBytes * (share - 0.1));
      expect(served()).toBeLessThan(fileBytes * 1.1);
      const straight = new MemorySink();
      await run({ sink: straight, shardBytes: 16_000 });
      expect(sink.digests()).toEqual(straight.digests());
    },
  );

  it('does not trust what was damaged in between', async () => {
    const stopping = stopAt(0.5);
    await run({ ...stopping, shardBytes: 16_000 }).catch(() => undefined);
    sink.files.get('weights-00002.bin')![9]! ^= 4;
    sink.files.set('weights-00003.bin', sink.files.get('weights-00003.bin')!.slice(1));
    const writes = sink.writes.length;
    await run({ shardBytes: 16_000 });
    const again = sink.writes.slice(writes);
    expect(again).toContain('weights-00002.bin');
    expect(again).toContain('weights-00003.bin');
    expect(again).not.toContain('weights-00001.bin');
  });

  it('starts over when its journal is torn', async () => {
    const stopping = stopAt(0.5);
    await run({ ...stopping }).catch(() => undefined);
    sink.files.set('import.json', sink.files.get('import.json')!.slice(0, 60));
    expect((await run()).resumedBytes).toBe(0);
    expect(sink.committed).toBe(1);
  });
});

describe('an access token', () => {
  it('opens a gated repository; without it the user is told what to do', async () => {
    await restart({ token: 'hf_secret' });
    await expectFailure(run(), 'AUTH', /gated/);
    await expectFailure(run({ source: source({ token: 'hf_wrong' }) }), 'AUTH', /gated/);
    await run({ source: source({ token: 'hf_secret' }) });
    expect(sink.committed).toBe(1);
    for (const bytes of sink.files.values()) expect(Buffer.from(bytes).includes('hf_secret')).toBe(false);
  });

  it('goes to the hub alone, and not where the hub redirects to', async () => {
    const storage = await startHubServer('/nowhere', { made });
    await restart({ token: 'hf_secret', storage: storage.url });
    try {
      await run({ source: source({ token: 'hf_secret' }) });
      expect(hub.requests.every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
      expect(storage.requests.length).toBeGreaterThan(2);
      expect(storage.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    } finally {
      await storage.close();
    }
  });

  it('is not sent without encryption to another machine', () => {
    expect(() => source({ hub: 'http://hub.example/', token: 'hf_secret' })).toThrow(
      /cannot be used with a token/,
    );
  });
});
