import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePassages, PassageFile } from './passage-file';
import { fromContents, toContents } from './passage-text';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('stored passages', () => {
  it('come back as they were, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ id: text, title: text, text }), { maxLength: 12 }), (passages) => {
        const file = new PassageFile(encodePassages(passages));
        expect(file.length).toBe(passages.length);
        expect([...file]).toEqual(passages);
        passages.toReversed().forEach((passage, i) => {
          expect(file.at(passages.length - 1 - i)).toEqual(passage);
        });
        expect(file.at(passages.length)).toBeUndefined();
        expect(file.at(-1)).toBeUndefined();
      }),
    );
  });

  it('keep what is known of them besides', () => {
    const passage = { id: '1', title: 't', text: 'x', metadata: { page: 3 } };
    expect(new PassageFile(encodePassages([passage])).at(0)).toEqual(passage);
  });

  it('say which one is damaged', () => {
    expect(() => new PassageFile(bytes('{"id":"1","title":"","text":""}\n{"id":\n')).at(1)).toThrow(
      'Passage 2',
    );
    expect(() => new PassageFile(bytes('{"id":1}\n')).at(0)).toThrow('Passage 1');
  });
});

describe('contents', () => {
  it('hold the quoted title on the first line, as s3 writes them', () => {
    expect(toContents({ title: 'Aar', text: 'A river.' })).toBe('"Aar"\nA river.');
    expect(fromContents('"Aar"\nA river.')).toEqual({ title: 'Aar', text: 'A river.' });
    expect(fromContents('Aar\nA river.')).toEqual({ title: 'Aar', text: 'A river.' });
    expect(fromContents('A river.')).toEqual({ title: '', text: 'A river.' });
  });
});
