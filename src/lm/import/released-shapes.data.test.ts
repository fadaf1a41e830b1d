/**
 * The released checkpoints by their exact configs and tensor names, filled with numbers that are a function of their place and served by
 * a loopback hub: the 0.5B model is imported whole and run; of the others, the plan is made. Slow: not among the ordinary tests.
 */
import { afterAll, expect, it } from 'vitest';
import {
  inRepository,
  madeCheckpoint,
  QWEN_CONFIGS,
  tensorsOf,
  type FloatType,
} from '../../../tests/models/made-checkpoint';
import { MemorySink } from '../../../tests/models/memory-sink';
import { startHubServer, type HubServer } from '../../../tests/servers/hub-server';
import { CpuBackend } from '../../gpu/cpu/backend';
import { systemClock } from '../../platform/clock';
import { planMemory } from '../budget';
import { parseModelConfig } from '../config';
import { loadModel } from '../engine';
import { FilesSource } from './files-source';
import { HubSource } from './hub-source';
import { importModel, planImport } from './import-model';
import { openModel } from './open-model';

const hubs: HubServer[] = [];
afterAll(async () => {
  for (const hub of hubs) await hub.close();
});

async function source(
  size: keyof typeof QWEN_CONFIGS,
  type: FloatType,
  fileBytes: number,
): Promise<HubSource> {
  const repository = `Qwen/Qwen2.5-${size}-Instruct`;
  const made = inRepository(repository, madeCheckpoint({ config: QWEN_CONFIGS[size], type, fileBytes }));
  const hub = await startHubServer('/nowhere', { made, licence: 'apache-2.0' });
  hubs.push(hub);
  return new HubSource({
    ...{ hub: hub.url, repository, revision: 'main', clock: systemClock },
    fetch: (url, init) => fetch(url, init),
  });
}

const GB = 1e9;
const GiB = 2 ** 30;

it('Qwen2.5-0.5B-Instruct is imported whole in 4 bits and generates on the CPU', async () => {
  const sink = new MemorySink();
  const peak = { rss: 0, buffers: 0 };
  const before = process.memoryUsage().arrayBuffers;
  const started = performance.now();
  const report = await importModel({
    ...{ source: await source('0.5B', 'BF16', Infinity), sink, weights: 'q4' },
    onProgress: () => {
      const stored = [...sink.files.values()].reduce((sum, { length }) => sum + length, 0);
      peak.buffers = Math.max(peak.buffers, process.memoryUsage().arrayBuffers - before - stored);
    },
  });
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `imported ${(report.sourceBytes / GB).toFixed(2)} GB in ${seconds.toFixed(1)} s, ${(peak.buffers / 1e6).toFixed(0)} MB at most beside the pack, ${JSON.stringify(report)}`,
  );
  expect(report.parameters).toBe(494_032_768);
  expect(report.sourceBytes).toBe(2 * 494_032_768);
  const backend = new CpuBackend();
  const pack = await openModel({ source: new FilesSource('pack', sink.blobs()) });
  const model = await loadModel({ backend, ...pack, maxContext: 64 });
  const plan = planMemory({
    config: model.config,
    checkpoint: pack.checkpoint,
    maxContext: 64,
    preferredRows: backend.preferredRows,
    device: 'cpu',
  });
  expect(backend.liveBytes).toBe(plan.total);
  const result = await model.generateTokens({
    tokens: [9707, 11, 1879],
    maxNewTokens: 3,
    sampling: { temperature: 0 },
  });
  expect(result.tokens.length).toBe(3);
  expect(result.logprobs.every((value) => Number.isFinite(value) && value < 0)).toBe(true);
  console.log(
    `${(backend.liveBytes / GiB).toFixed(2)} GiB, prefill ${result.prefillMs.toFixed(0)} ms, decode ${(result.decodeMs / 2).toFixed(0)} ms a token`,
  );
});

it.each([
  ['1.5B', 'BF16', 5 * GB, 1_543_714_304],
  ['3B', 'F32', 5 * GB, 3_085_938_688],
  ['7B', 'BF16', 4 * GB, 7_615_616_512],
  ['7B', 'F32', 5 * GB, 7_615_616_512],
] as const)('Qwen2.5-%s in %s: shards, ranges and budget', async (size, type, fileBytes, parameters) => {
  const hubSource = await source(size, type, fileBytes);
  const plan = await planImport({ source: hubSource, weights: 'q4' });
  expect(plan.parameters).toBe(parameters);
  expect(plan.sourceBytes).toBe(parameters * (type === 'F32' ? 4 : 2));
  const config = parseModelConfig(QWEN_CONFIGS[size]);
  const budget = planMemory({ config, weights: 'q4', maxContext: 8192 });
  const hub = hubs.at(-1)!;
  const files = (await hubSource.list()).filter(({ path }) => path.endsWith('.safetensors'));
  const sent = hub.requests.reduce((sum, request) => sum + request.sent, 0);
  console.log(
    `${size} ${type}: ${files.length} files, ${(plan.sourceBytes / GB).toFixed(1)} GB → ${(plan.packBytes / GiB).toFixed(2)} GiB in ${plan.shards} shards; ${(budget.total / GiB).toFixed(2)} GiB with 8192 tokens (cache ${(budget.cache / GiB).toFixed(2)}); ${(sent / 1e6).toFixed(1)} MB read for the plan in ${hub.requests.length} requests`,
  );
  // Headers alone are read for the plan.
  expect(sent).toBeLessThan(4e6);
  expect(plan.packBytes).toBeLessThan(plan.sourceBytes / (type === 'F32' ? 6 : 3));
  expect(budget.weights).toBeGreaterThan(plan.packBytes * 0.99);
  expect(tensorsOf(QWEN_CONFIGS[size]).length).toBe(size === '7B' ? 339 : 12 * config.layers + 2);
});
