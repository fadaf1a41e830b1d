import { describe, expect, it } from 'vitest';
import { localNetworkPermission, probeEndpoint } from './endpoint-probe';

/** The test's own server under another name is another origin, and its answers do not say that others may embed them. */
const others = ['127.0.0.1', '[::1]', 'localhost']
  .filter((host) => host !== location.hostname)
  .map((host) => `http://${host}:${location.port}/`);

const signal = new AbortController().signal;

describe('probeEndpoint in an isolated page', () => {
  it('notices a server whose answer the browser withholds', async () => {
    expect(crossOriginIsolated).toBe(true);
    for (const url of others) {
      await expect(fetch(url, { mode: 'no-cors' })).rejects.toThrow();
    }
    const results = await Promise.all(others.map((url) => probeEndpoint(url, signal)));
    expect(results).toContain('answers');
  });

  it('notices that nobody listens', async () => {
    expect(await probeEndpoint('http://127.0.0.1:59873/', signal)).toBe('silent');
  });

  it('knows the state of the permission under one of its names', async () => {
    expect(['granted', 'denied', 'prompt']).toContain(await localNetworkPermission('loopback'));
  });
});
