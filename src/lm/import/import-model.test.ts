import { afterEach, describe, expect, it } from 'vitest';
import {
  inRepository,
  madeCheckpoint,
  SMALL_QWEN,
  type MadeOptions,
} from '../../../tests/models/made-checkpoint';
import { MemorySink } from '../../../tests/models/memory-sink';
import { startHubServer, type HubServer } from '../../../tests/servers/hub-server';
import { CpuBackend } from '../../gpu/cpu/backend';
import { systemClock } from '../../platform/clock';
import { loadModel } from '../engine';
import { FilesSource } from './files-source';
import { HubSource, type HubSourceOptions } from './hub-source';
import { importModel } from './import-model';
import { openModel } from './open-model';

const REPOSITORY = 'Qwen/Qwen2.5-tiny-Instruct';
const tokenizer = JSON.stringify({ version: '1.0', model: { type: 'BPE', vocab: { a: 0 }, merges: [] } });
const texts = {
  'tokenizer.json': tokenizer,
  'tokenizer_config.json': '{"chat_template":"{{ messages }}"}',
  'generation_config.json': '{"eos_token_id":[2,3]}',
  LICENSE: 'Do what you like.',
};

let hub: HubServer | undefined;
afterEach(() => hub?.close());

async function serve(made: Partial<MadeOptions> = {}): Promise<HubServer> {
  const files = madeCheckpoint({ config: SMALL_QWEN, type: 'BF16', texts, ...made });
  hub = await startHubServer('/nowhere', { made: inRepository(REPOSITORY, files), licence: 'apache-2.0' });
  return hub;
}

const hubSource = (more: Partial<HubSourceOptions> = {}): HubSource =>
  new HubSource({
    ...{ hub: hub?.url ?? '', repository: REPOSITORY, revision: 'main', clock: systemClock },
    fetch: (url, init) => fetch(url, init),
    ...{ stallMs: 400, backoffMs: 1 },
    ...more,
  });

describe('importModel', () => {
  it('turns a repository into a pack that generates what the checkpoint itself does, quantised on the way', async () => {
    await serve({ fileBytes: 100_000 });
    const sink = new MemorySink();
    const report = await importModel({ source: hubSource(), sink, weights: 'q4', shardBytes: 60_000 });
    expect(report).toMatchObject({
      ...{ name: `hf:${REPOSITORY}`, architecture: 'Qwen2ForCausalLM', weights: 'q4', licence: 'apache-2.0' },
      notices: [],
    });
    expect(report.relativeError).toBeGreaterThan(0.01);
    expect(report.relativeError).toBeLessThan(0.15);
    expect(sink.committed).toBe(1);
    expect(sink.writes.at(-1)).toBe('pack.json');
    expect(sink.largestWrite).toBeLessThanOrEqual(60_000);
    const backend = new CpuBackend();
    const pack = await openModel({ source: new FilesSource('pack', sink.blobs()) });
    const direct = await openModel({ source: hubSource() });
    const fromPack = await loadModel({ backend, ...pack, maxContext: 64 });
    const onTheFly = await loadModel({ backend, ...direct, weights: 'q4', maxContext: 64 });
    const tokens = [5, 6, 7, 8];
    expect(await fromPack.allLogits(tokens)).toEqual(await onTheFly.allLogits(tokens));
  });
});
