import { describe, expect, it } from 'vitest';
import { Hub } from './hub.svelte';
import { DEFAULT_HUB, hubAddress } from './hub-address';

function storage(stored?: string) {
  const map = new Map<string, string>(stored === undefined ? [] : [['s3-web.hub', stored]]);
  return {
    map,
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
}

describe('the address of the hub', () => {
  it('is taken without the slashes at its end, and is the default where nothing is typed', () => {
    expect(hubAddress(' https://hf.example/ ')).toBe('https://hf.example');
    expect(hubAddress('http://127.0.0.1:8080/mirror//')).toBe('http://127.0.0.1:8080/mirror');
    expect(hubAddress('  ')).toBe(DEFAULT_HUB);
  });

  it.each([
    'hf.example',
    'ftp://hf.example',
    'javascript:alert(1)',
    'https://me:secret@hf.example',
    'https://hf.example/?token=1',
    'https://hf.example/#a',
    `https://hf.example/${'a'.repeat(500)}`,
  ])('refuses %s', (typed) => expect(hubAddress(typed)).toBeNull());

  it('is remembered, told to whoever downloads, and forgotten when it is the default again', () => {
    const kept = storage();
    const told: string[] = [];
    const hub = new Hub(kept, (address) => told.push(address));
    expect(hub.set('https://mirror.example/')).toBe(true);
    expect(hub.host).toBe('mirror.example');
    expect(kept.map.get('s3-web.hub')).toBe('https://mirror.example');
    expect(new Hub(kept, () => undefined).address).toBe('https://mirror.example');
    expect(hub.set('nonsense')).toBe(false);
    expect(hub.address).toBe('https://mirror.example');
    hub.set('');
    expect(kept.map.size).toBe(0);
    expect(told).toEqual([DEFAULT_HUB, 'https://mirror.example', DEFAULT_HUB]);
  });

  it('is the default where what is stored is no address, or where storage is denied', () => {
    expect(new Hub(storage('javascript:0'), () => undefined).address).toBe(DEFAULT_HUB);
    const denied = {
      getItem: () => {
        throw new Error('denied');
      },
      setItem: () => {
        throw new Error('denied');
      },
      removeItem: () => undefined,
    };
    const hub = new Hub(denied, () => undefined);
    expect(hub.set('https://mirror.example')).toBe(true);
    expect(hub.address).toBe('https://mirror.example');
  });
});
