import { describe, expect, it } from 'vitest';
import { isWorthKeeping, LARGEST_KEPT, offlineKind } from './offline-files';

const SCOPE = 'https://host.example/lab/';
const kindOf = (path: string, given: Partial<{ method: string; mode: string; headers: Headers }> = {}) =>
  offlineKind(
    { method: 'GET', mode: 'cors', headers: new Headers(), ...given, url: new URL(path, SCOPE).href },
    SCOPE,
  );

describe('what is answered without a network', () => {
  it('is the page, the files of its build, and what it uses beside them', () => {
    expect(kindOf('', { mode: 'navigate' })).toBe('page');
    expect(kindOf('assets/index-abc.js')).toBe('shell');
    expect(kindOf('models/demo/model.safetensors')).toBe('used');
    expect(kindOf('ort/ort-wasm-simd-threaded.asyncify.wasm')).toBe('used');
    expect(kindOf('packs.json?again')).toBe('used');
    expect(kindOf('models/demo/config.json', { headers: new Headers({ range: 'bytes=0-0' }) })).toBe('used');
  });

  it('is nothing of other hosts, of other folders, of servers, nor what holds a key', () => {
    expect(kindOf('https://huggingface.co/intfloat/e5-small-v2/resolve/main/config.json')).toBe('none');
    expect(kindOf('https://host.example/other/assets/index.js')).toBe('none');
    expect(kindOf('https://host.example.evil.example/lab/assets/index.js')).toBe('none');
    expect(kindOf('v1/models')).toBe('none');
    expect(kindOf('retrieve', { method: 'POST' })).toBe('none');
    expect(kindOf('packs/demo/vectors.bin')).toBe('none');
    expect(kindOf('models/x.json', { headers: new Headers({ authorization: 'Bearer key' }) })).toBe('none');
    expect(kindOf('assets/index-abc.js', { method: 'HEAD' })).toBe('none');
  });
});

/** Made by hand, an answer has another type than one that came from the page's own host. */
const answer = (headers: Record<string, string>, status = 200): Response =>
  Object.defineProperty(new Response(status === 200 ? 'text' : null, { headers, status }), 'type', {
    value: 'basic',
  });

describe('what is worth keeping', () => {
  it('is a whole answer of a bearable length', () => {
    expect(isWorthKeeping(answer({ 'content-length': String(LARGEST_KEPT) }), undefined)).toBe(true);
    expect(isWorthKeeping(answer({ 'content-length': String(LARGEST_KEPT + 1) }), undefined)).toBe(false);
    expect(isWorthKeeping(answer({}, 206), undefined)).toBe(false);
    expect(isWorthKeeping(answer({}, 404), undefined)).toBe(false);
    expect(isWorthKeeping(new Response('of another host'), undefined)).toBe(false);
  });

  it('is written again only where it may have changed', () => {
    const kept = answer({ etag: '"1"', 'last-modified': 'Mon' });
    expect(isWorthKeeping(answer({ etag: '"1"', 'last-modified': 'Tue' }), kept)).toBe(false);
    expect(isWorthKeeping(answer({ etag: '"2"' }), kept)).toBe(true);
    expect(isWorthKeeping(answer({}), kept)).toBe(true);
    expect(isWorthKeeping(answer({}), answer({}))).toBe(true);
  });
});
