import { afterEach, expect, it } from 'vitest';
import { connect, serve, type RpcConnection } from '../platform/rpc/connection';
import type { LmWorkerApi, LocalModelInfo } from '../protocol/lm-worker';
import type { OnProgress } from '../protocol/retrieval';
import type { LoadEvent } from './laboratory';
import { LocalModels } from './local-models';

const info: LocalModelInfo = {
  ...{ id: 'toy', title: 'A toy', device: 'webgpu', deviceName: 'a card', adapters: [] },
  ...{ maxContext: 128, weights: 'q4', liveBytes: 412_000_000 },
};
const open: RpcConnection<LmWorkerApi>[] = [];
let late: OnProgress | undefined;
let asked: unknown;

function start(): RpcConnection<LmWorkerApi> {
  const { port1, port2 } = new MessageChannel();
  const api: LmWorkerApi = {
    load(request, onProgress) {
      asked = request;
      late = onProgress;
      onProgress?.({ done: 5, total: 10, unit: 'bytes' });
      return Promise.resolve(info);
    },
    async *generate() {
      // Nothing is asked of it.
    },
    countTokens: () => Promise.resolve([]),
    unload: () => Promise.resolve(),
    watch: () => Promise.resolve(),
  };
  serve(api, port1);
  const terminate = (): void => {
    port1.close();
    port2.close();
  };
  const connection = connect<LmWorkerApi>(Object.assign(port2, { terminate }));
  open.push(connection);
  return connection;
}
afterEach(() => {
  for (const connection of open.splice(0)) connection.close();
});

it('a message of progress that comes after “ready” is nobody’s, and “ready” tells type and memory', async () => {
  const models = new LocalModels(start, '/models/');
  const events: LoadEvent[] = [];
  await models.load(
    {
      ...{ model: { kind: 'stored', id: 'toy' }, name: 'A toy', part: 'searcher', device: 'auto', keep: [] },
      settings: { weights: 'q4', slots: 2 },
    },
    (event) => events.push(event),
    new AbortController().signal,
  );
  expect(asked).toMatchObject({ weights: 'q4', slots: 2 });
  late?.({ done: 10, total: 10, unit: 'bytes' });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(events.at(-1)).toMatchObject({
    ...{ phase: 'ready', device: 'WebGPU, a card' },
    memory: { weights: 'q4', bytes: 412_000_000 },
  });
});
