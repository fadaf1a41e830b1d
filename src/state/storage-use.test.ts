import { describe, expect, it } from 'vitest';
import { storageUse } from './storage-use';

const entries = [
  { bytes: 5e6, builtIn: true },
  { bytes: 90e6, builtIn: false },
  { bytes: 8e6, builtIn: false },
];

describe('what is stored', () => {
  it('is what the browser counts, which knows of models and runs, too', () => {
    expect(storageUse({ usedBytes: 300e6 }, entries)).toEqual({ bytes: 300e6, by: 'browser', corpora: 98e6 });
    expect(storageUse({ usedBytes: 0 }, [])).toEqual({ bytes: 0, by: 'browser', corpora: 0 });
  });

  it('is what the corpora take where the browser has lost count of them', () => {
    expect(storageUse({ usedBytes: 148 }, entries)).toEqual({ bytes: 98e6, by: 'page', corpora: 98e6 });
  });
});
