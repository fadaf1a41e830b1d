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
import type { ImportProgress } from '../../protocol/model-import';
import { loadModel } from '../engine';
import { MAX_SHARD_BYTES, parseManifest } from '../formats/pack-manifest';
import { FilesSource } from './files-source';
import { HubSource } from './hub-source';
import { importModel, planImport } from './import-model';
import { modelFilesOf, openModel } from './open-model';

const REPOSITORY = 'Qwen/Qwen2.5-tiny-Instruct';
const texts = {
  'tokenizer.json': JSON.stringify({ version: '1.0', model: { type: 'BPE', vocab: { a: 0 }, merges: [] } }),
  'tokenizer_config.json': '{"eos_token":"a"}',
  'chat_template.jinja': '{{ messages }}',
  'generation_config.json': '{"eos_token_id":[2,3]}',
  LICENSE: 'Do what you like.',
  'README.md': 'Not needed.',
  'pytorch_model.bin': 'Not needed.',
};

let hub: HubServer | undefined;
afterEach(async () => {
  await hub?.close();
  hub = undefined;
});

async function serve(made: Partial<MadeOptions> = {}): Promise<HubServer> {
  const files = madeCheckpoint({ config: SMALL_QWEN, type: 'BF16', texts, ...made });
  hub = await startHubServer('/nowhere', { made: inRepository(REPOSITORY, files), licence: 'apache-2.0' });
  return hub;
}

const hubSource = (): HubSource =>
  new HubSource({
    ...{ hub: hub?.url ?? '', repository: REPOSITORY, revision: 'main', clock: systemClock },
    fetch: (url, init) => fetch(url, init),
  });

const packSource = (sink: MemorySink): FilesSource => new FilesSource('pack', sink.blobs());
const manifestOf = (sink: MemorySink) => parseManifest(sink.files.get('pack.json')!);

describe('importModel', () => {
  it.each(['q4', 'q8', 'f16', 'f32'] as const)(
    'turns a repository into a pack in %s that computes what the checkpoint does, brought into the type while loading',
    async (weights) => {
      await serve({ fileBytes: 100_000 });
      const sink = new MemorySink();
      const report = await importModel({ source: hubSource(), sink, weights, shardBytes: 60_000 });
      expect(report).toMatchObject({
        ...{ name: `hf:${REPOSITORY}`, architecture: 'Qwen2ForCausalLM', weights, licence: 'apache-2.0' },
        notices: weights === 'f16' ? [{ kind: 'narrowed' }] : [],
      });
      if (weights === 'q4') expect(report.relativeError).toBeGreaterThan(0.02);
      if (weights === 'q4') expect(report.relativeError).toBeLessThan(0.15);
      const backend = new CpuBackend();
      const pack = await openModel({ source: packSource(sink) });
      const direct = await openModel({ source: hubSource() });
      const fromPack = await loadModel({ backend, ...pack, maxContext: 64 });
      const onTheFly = await loadModel({ backend, ...direct, weights, maxContext: 64 });
      expect(fromPack.backend.liveBytes).toBeGreaterThan(0);
      const tokens = [5, 6, 7, 8];
      expect(await fromPack.allLogits(tokens)).toEqual(await onTheFly.allLogits(tokens));
    },
  );

  it('writes the manifest last, and keeps what came with the weights', async () => {
    await serve();
    const sink = new MemorySink();
    await importModel({ source: hubSource(), sink, weights: 'q4' });
    expect(sink.writes.at(-1)).toBe('pack.json');
    expect(sink.committed).toBe(1);
    expect(sink.files.has('import.json')).toBe(false);
    const manifest = manifestOf(sink);
    expect(manifest).toMatchObject({ licence: 'apache-2.0', weights: 'q4', config: { hidden_size: 64 } });
    expect(manifest.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(manifest.files.map(({ path }) => path).sort()).toEqual([
      'LICENSE',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    // The weights' hash at the source, as the hub tells it.
    expect(manifest.source?.files[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
    const files = await modelFilesOf(await openModel({ source: packSource(sink) }));
    expect(files).toMatchObject({
      tokenizer: { model: { type: 'BPE' } },
      tokenizerConfig: { eos_token: 'a' },
      generationConfig: { eos_token_id: [2, 3] },
      chatTemplate: '{{ messages }}',
    });
    const { types } = { types: new Map(manifest.tensors.map(({ name, type }) => [name, type])) };
    expect(types.get('model.embed_tokens.weight')).toBe('q8');
    expect(types.get('model.layers.0.mlp.up_proj.weight')).toBe('q4');
    expect(types.get('model.layers.0.self_attn.q_proj.bias')).toBe('f32');
  });

  it('holds one piece of the source and one shard at a time', async () => {
    await serve({ config: { ...SMALL_QWEN, vocab_size: 60_000 }, type: 'F32' });
    const counts = { outstanding: 0, most: 0, largest: 0 };
    const source = hubSource();
    const open = source.open.bind(source);
    const counted = {
      list: source.list.bind(source),
      origin: source.origin.bind(source),
      open: async (path: string) => {
        const file = await open(path);
        const read = file.read.bind(file);
        file.read = async (offset, length, signal) => {
          counts.outstanding += 1;
          counts.most = Math.max(counts.most, counts.outstanding);
          counts.largest = Math.max(counts.largest, length);
          const bytes = await read(offset, length, signal);
          counts.outstanding -= 1;
          return bytes;
        };
        return file;
      },
    };
    const buffers = new Set<ArrayBuffer>();
    const sink = new MemorySink();
    const write = sink.write.bind(sink);
    sink.write = (path, bytes) => {
      if (path.endsWith('.bin')) buffers.add(bytes.buffer);
      return write(path, bytes);
    };
    await importModel({ source: counted, sink, weights: 'q8', shardBytes: 1 << 20 });
    // The largest tensor has 15 MB, the pack 4 MB.
    expect(counts).toMatchObject({ outstanding: 0, most: 1 });
    expect(counts.largest).toBeLessThanOrEqual(8 << 20);
    expect(buffers.size).toBe(1);
    expect(sink.largestWrite).toBeLessThanOrEqual(1 << 20);
  });

  it('tells progress that only grows and ends at all bytes', async () => {
    await serve();
    const seen: ImportProgress[] = [];
    await importModel({ source: hubSource(), sink: new MemorySink(), onProgress: (step) => seen.push(step) });
    const transfer = seen.filter(({ phase }) => phase === 'transfer');
    expect(transfer.length).toBeGreaterThan(30);
    expect(transfer.map(({ done }) => done)).toEqual(transfer.map(({ done }) => done).sort((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ phase: 'finish', done: transfer.at(-1)!.total });
    expect(transfer.at(-1)!.done).toBe(transfer.at(-1)!.total);
  });

  it('copies a pack as it is, and only what is not there yet', async () => {
    await serve();
    const first = new MemorySink();
    await importModel({ source: hubSource(), sink: first, weights: 'q4', shardBytes: 30_000 });
    const second = new MemorySink();
    second.files.set('weights-00002.bin', first.files.get('weights-00002.bin')!.slice());
    second.files.set('weights-00099.bin', new Uint8Array(5));
    second.files.set('notes.txt', new Uint8Array(5));
    const report = await importModel({ source: packSource(first), sink: second });
    expect(report.resumedBytes).toBe(first.files.get('weights-00002.bin')!.length);
    expect(second.writes).not.toContain('weights-00002.bin');
    expect(second.files.has('weights-00099.bin')).toBe(false);
    second.files.delete('notes.txt');
    expect(second.digests()).toEqual(first.digests());
  });

  it('refuses a pack with a wrong byte, and leaves no model', async () => {
    await serve();
    const first = new MemorySink();
    await importModel({ source: hubSource(), sink: first });
    first.files.get('weights-00001.bin')![77]! ^= 1;
    const second = new MemorySink();
    const failed = importModel({ source: packSource(first), sink: second });
    await expect(failed).rejects.toMatchObject({ code: 'INTEGRITY', context: { file: 'weights-00001.bin' } });
    expect(second.files.has('pack.json')).toBe(false);
    expect(second.committed).toBe(0);
  });

  it('brings a pack into another type when asked to, and says that it is rounded twice', async () => {
    await serve();
    const first = new MemorySink();
    await importModel({ source: hubSource(), sink: first, weights: 'q8' });
    const second = new MemorySink();
    const report = await importModel({ source: packSource(first), sink: second, weights: 'q4' });
    expect(report.notices).toMatchObject([{ kind: 'requantised', message: /21 tensors .* from q8 to q4/ }]);
    expect(manifestOf(second).weights).toBe('q4');
  });

  it('plans without reading weights, and the plan is what happens', async () => {
    const { requests } = await serve({ fileBytes: 100_000 });
    const plan = await planImport({ source: hubSource(), weights: 'q4' });
    expect(requests.reduce((sum, { sent }) => sum + sent, 0)).toBeLessThan(plan.sourceBytes * 1.5);
    const sink = new MemorySink();
    const report = await importModel({ source: hubSource(), sink, weights: 'q4' });
    expect(report).toMatchObject(plan);
    const stored = [...sink.files].filter(([path]) => path.endsWith('.bin'));
    expect(stored.length).toBe(plan.shards);
    const bytes = stored.reduce((sum, [, { length }]) => sum + length, 0);
    expect(Math.abs(bytes - plan.packBytes)).toBeLessThan(16 * plan.shards);
    expect(MAX_SHARD_BYTES).toBe(64 * 1024 * 1024);
  });

  it('leaves out tensors that the architecture does not use, and says which', async () => {
    await serve({ config: { ...SMALL_QWEN, tie_word_embeddings: false } });
    const source = hubSource();
    const open = source.open.bind(source);
    // A tied config over a checkpoint that stores the head all the same.
    const tied = {
      list: source.list.bind(source),
      origin: source.origin.bind(source),
      open: async (path: string) => {
        const file = await open(path);
        if (path !== 'config.json') return file;
        const text = JSON.stringify(SMALL_QWEN).padEnd(file.size);
        return { name: path, size: file.size, read: () => Promise.resolve(new TextEncoder().encode(text)) };
      },
    };
    const { notices } = await planImport({ source: tied });
    expect(notices).toMatchObject([{ kind: 'left out', tensors: 1, message: /lm_head\.weight/ }]);
  });
});
