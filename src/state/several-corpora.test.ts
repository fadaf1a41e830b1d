import { describe, expect, it } from 'vitest';
import {
  commonModes,
  entriesOf,
  fittingMode,
  idsOf,
  joinIds,
  modesOf,
  namesOf,
  together,
} from './several-corpora';

const corpus = (id: string, encoder: string | null) => ({
  ...{ id, name: id.toUpperCase(), encoder },
  ...{ passages: 1, bytes: 1, createdAt: '', builtIn: false },
});
const retrieve = {
  ...corpus('r', null),
  link: { kind: 'retrieve' as const, url: 'http://h', collection: '' },
};
const [a, b, other, words] = [corpus('a', 'e5'), corpus('b', 'e5'), corpus('c', 'demo'), corpus('w', null)];
const list = [a, b, other, words];

describe('several corpora searched as one', () => {
  it('are named by their ids with a plus between them, each once', () => {
    expect(idsOf('a+b+a')).toEqual(['a', 'b']);
    expect(joinIds(['a', 'b', 'a'])).toBe('a+b');
    expect(namesOf('a+gone', list)).toBe('A + gone');
    expect(entriesOf('b+gone+a', list)).toEqual([b, a]);
  });

  it('have the ways of searching that all of them have', () => {
    expect(modesOf(retrieve)).toEqual(['dense']);
    expect(commonModes([a, other])).toEqual(['dense', 'bm25', 'hybrid']);
    expect(commonModes([a, words])).toEqual(['bm25']);
    expect(commonModes([words, retrieve])).toEqual([]);
    expect(fittingMode('a+b', list, 'hybrid')).toBe('hybrid');
    expect(fittingMode('a+w', list, 'dense')).toBe('bm25');
    expect(fittingMode('r', [retrieve], 'bm25')).toBe('dense');
  });

  it('are one ranking, or fused, or searched by words, or refused; and it is said why', () => {
    expect(together([a, b])).toEqual({ kind: 'one' });
    expect(together([a, other])).toEqual({ kind: 'fused', because: 'encoders' });
    expect(together([a, retrieve])).toEqual({ kind: 'fused', because: 'elsewhere' });
    expect(together([a, words])).toEqual({ kind: 'words', without: ['W'] });
    expect(together([a, words, retrieve])).toEqual({ kind: 'refused', dense: ['R'], words: ['W'] });
  });
});
