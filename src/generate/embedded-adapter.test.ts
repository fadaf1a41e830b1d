import { afterEach, beforeEach, expect, it } from 'vitest';
import { startModelsServer, type ModelsServer } from '../../tests/servers/models-server';
import { TOY_CONFIG, toyRegistry } from '../../tests/servers/toy-model';
import { writePeftAdapter } from '../lm/lora/write-peft';
import { systemClock } from '../platform/clock';
import type { GenerateEvent } from '../protocol/language-model';
import type { Registry } from '../protocol/registry';
import type { Progress } from '../protocol/retrieval';
import { LocalModelService } from './local-service';
import { pickBackend } from './pick-backend';

let server: ModelsServer;
let service: LocalModelService;

/** An adapter that turns the one layer's output about, so that the text is another. */
function adapterFolder(): Map<string, Uint8Array<ArrayBuffer>> {
  const { hidden_size: size } = TOY_CONFIG;
  const down = new Float32Array(size).fill(1);
  const up = Float32Array.from({ length: size }, (_, i) => (i % 3) - 1);
  const pair = { layer: 0, module: 'o_proj' as const, rank: 1, alpha: 40, down, up };
  const written = writePeftAdapter({ rankStabilised: false, baseModel: 'toy', pairs: [pair] });
  return new Map(written.map(({ path, bytes }) => [path, new Uint8Array(bytes)]));
}

function publish(change: (registry: Registry) => void = () => undefined): void {
  const folder = adapterFolder();
  const [described] = toyRegistry(folder, 'toy-trained').models;
  const registry = toyRegistry();
  if (!described) throw new Error('the registry is empty');
  registry.models.push({ ...described, role: 'adapter', base: 'toy' });
  change(registry);
  for (const [path, bytes] of folder) server.files.set(`toy-trained/${path}`, bytes);
  server.files.set('registry.json', new TextEncoder().encode(JSON.stringify(registry)));
}

beforeEach(async () => {
  server = await startModelsServer();
  service = new LocalModelService({
    ...{ fetch: globalThis.fetch, sha256: (bytes) => crypto.subtle.digest('SHA-256', bytes) },
    ...{ pick: (wanted) => pickBackend(undefined, wanted), clock: systemClock },
    store: () => {
      throw new Error('no store here');
    },
  });
});
afterEach(async () => {
  await service.unload();
  await server.close();
});

const wanted = () => ({ modelsUrl: server.modelsUrl, model: { kind: 'embedded' as const, id: 'toy' } });
const request = {
  messages: [{ role: 'user' as const, content: 'the bridge' }],
  maxTokens: 8,
  temperature: 0,
};

async function textOf(events: AsyncIterable<GenerateEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'done') text = event.text;
  return text;
}

it('an adapter that the registry lists for a model is loaded with it, and answers where it is asked for', async () => {
  publish();
  const seen: Progress[] = [];
  const info = await service.load(wanted(), (progress) => seen.push(progress));
  expect(info.adapters).toEqual(['toy-trained']);
  const base = await textOf(service.generate(request));
  const trained = await textOf(service.generate({ ...request, adapter: 'toy-trained' }));
  expect(trained).not.toBe(base);
  expect(await textOf(service.generate(request))).toBe(base);
  const done = seen.map((progress) => progress.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(seen.at(-1)).toMatchObject({ done: seen.at(-1)?.total });
});

it('an adapter of another model is left where it is', async () => {
  publish(({ models }) => {
    const adapter = models.find(({ role }) => role === 'adapter');
    if (adapter) adapter.base = 'another';
  });
  expect((await service.load(wanted())).adapters).toEqual([]);
  expect(server.requests.filter((path) => path.startsWith('toy-trained/'))).toEqual([]);
});

it('an adapter that is not what the registry says is not used', async () => {
  publish();
  const damaged = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 300 ? byte ^ 1 : byte));
  server.files.set(
    'toy-trained/adapter_model.safetensors',
    damaged(server.files.get('toy-trained/adapter_model.safetensors') ?? new Uint8Array()),
  );
  await expect(service.load(wanted())).rejects.toMatchObject({ code: 'INTEGRITY' });
});
