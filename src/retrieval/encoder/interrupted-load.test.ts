import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHubServer, type HubServer } from '../../../tests/servers/hub-server';
import { nodeEncoderPlatform } from '../../platform/node/encoder-platform';
import type { Fetch } from '../../protocol/clock';
import type { EncoderPlatform } from '../../protocol/encoder';
import { encoderFiles } from './catalog';
import { EncoderHost } from './encoder-host';

const FIXTURE = 'tests/fixtures/tiny-bert-onnx';
const FILES = encoderFiles('fp32');
let root: string;
let hub: HubServer;
let names = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-hub-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  hub = await startHubServer(root);
});
afterEach(() => hub.close());

/** A model under a name of its own, since what the library remembers it remembers by name. */
async function freshModel(): Promise<{ hubId: string; localId: string }> {
  const name = `tiny-${++names}`;
  await cp(FIXTURE, join(root, 'acme', name), { recursive: true });
  return { hubId: `acme/${name}`, localId: name };
}

async function platform(fetch?: Fetch): Promise<EncoderPlatform> {
  const node = nodeEncoderPlatform({ localModels: root, cacheDir: await mkdtemp(join(root, 'cache-')) });
  return {
    ...node,
    ...(fetch && { fetch }),
    clock: { now: () => performance.now(), sleep: () => Promise.resolve() },
  };
}

describe('a load from the hub that was interrupted', () => {
  it.each(FILES)('at the request for %s by the user, succeeds when asked again', async (file) => {
    const { hubId } = await freshModel();
    const controller = new AbortController();
    let interrupt = true;
    const host = new EncoderHost(
      await platform((input, init) => {
        if (interrupt && input.endsWith(file)) controller.abort();
        return fetch(input, init);
      }),
      { remoteHost: hub.url },
    );
    await expect(host.load({ id: hubId }, undefined, controller.signal)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    interrupt = false;
    expect((await host.load({ id: hubId })).dimensions).toBe(32);
  });

  it.each(FILES)('at %s by a dead network, succeeds when the network is back', async (file) => {
    const { hubId } = await freshModel();
    let dead = true;
    const host = new EncoderHost(
      await platform((input, init) =>
        fetch(dead && input.endsWith(file) ? 'http://127.0.0.1:1/' : input, init),
      ),
      { remoteHost: hub.url },
    );
    await expect(host.load({ id: hubId })).rejects.toMatchObject({ code: 'NETWORK' });
    dead = false;
    expect((await host.load({ id: hubId })).dimensions).toBe(32);
  });

  it.each(FILES)('by a missing %s, succeeds once it is there', async (file) => {
    const { hubId } = await freshModel();
    const host = new EncoderHost(await platform(), { remoteHost: hub.url });
    await rm(join(root, hubId, file));
    await expect(host.load({ id: hubId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await cp(join(FIXTURE, file), join(root, hubId, file));
    expect((await host.load({ id: hubId })).dimensions).toBe(32);
  });

  it('at once, before anything was asked for, succeeds when asked again', async () => {
    const { hubId } = await freshModel();
    const host = new EncoderHost(await platform(), { remoteHost: hub.url });
    const controller = new AbortController();
    const stopped = host.load({ id: hubId }, undefined, controller.signal);
    controller.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await host.load({ id: hubId })).dimensions).toBe(32);
  });

  it('at any moment in time, succeeds when asked again', async () => {
    for (const ms of [0, 1, 2, 4, 8, 16, 32, 64]) {
      const { hubId } = await freshModel();
      const host = new EncoderHost(await platform(), { remoteHost: hub.url });
      const stopped = host.load({ id: hubId }, undefined, AbortSignal.timeout(ms));
      await stopped.catch((error: unknown) => expect(error).toMatchObject({ code: 'ABORTED' }));
      expect((await host.load({ id: hubId })).dimensions).toBe(32);
    }
  });
});

describe('a load of what comes with the page that was interrupted', () => {
  /** As in a browser: the local models are files of a web server, which may be gone for a moment. */
  async function hostWith(fetch: Fetch): Promise<EncoderHost> {
    return new EncoderHost({ ...(await platform(fetch)), localModels: `${hub.url}acme/demo/resolve/x/` });
  }
  beforeAll(() => cp(FIXTURE, join(root, 'acme', 'demo', 'demo-encoder'), { recursive: true }));

  // The library remembers once for all whether there is a tokenizer: what is asked for that comes first.
  const files = ['tokenizer_config.json', ...FILES.filter((file) => file !== 'tokenizer_config.json')];

  it.each(files)('at %s by a dead network, says so, and succeeds when it is back', async (file) => {
    let dead = true;
    const host = await hostWith((input, init) =>
      fetch(dead && input.endsWith(file) ? 'http://127.0.0.1:1/' : input, init),
    );
    await expect(host.load({ id: 'demo' })).rejects.toMatchObject({ code: 'NETWORK' });
    dead = false;
    expect((await host.load({ id: 'demo' })).dimensions).toBe(32);
  });

  it.each(files)('at %s by the user, succeeds when asked again', async (file) => {
    const controller = new AbortController();
    const host = await hostWith((input, init) => {
      if (input.endsWith(file)) controller.abort();
      return fetch(input, init);
    });
    await expect(host.load({ id: 'demo' }, undefined, controller.signal)).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect((await host.load({ id: 'demo' })).dimensions).toBe(32);
  });
});
