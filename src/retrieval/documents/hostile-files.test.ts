import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pdfOf } from '../../../tests/fixtures/pdf-file';
import { nodePdfPlatform } from '../../platform/node/pdf-platform';
import { AppError } from '../../protocol/errors';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS } from './limits';
import { readPassages } from './read-passages';

const pdf = nodePdfPlatform();

/** Reads a file as an import does; anything but passages or an `AppError` with what to do is a failure. */
async function answer(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<'passages' | 'refused'> {
  try {
    for await (const { id, title, text } of readPassages(fileOf(name, new Blob([bytes])), { pdf })) {
      expect([typeof id, typeof title, typeof text]).toEqual(['string', 'string', 'string']);
      expect(text.trim()).not.toBe('');
      expect(`${title}${text}`).not.toContain('\0');
    }
    return 'passages';
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'BAD_INPUT' });
    expect((error as AppError).fix).not.toBe('');
    return 'refused';
  }
}

/** Bytes put in, taken out or turned over, at a few places. */
const wounds = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.oneof({ weight: 9, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(2_000) }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .constantFrom(
          ...['obj', 'endobj', 'stream\n', 'endstream', '<<', '>>', '[', ']', '(', ')', '/', ' 0 R', 'xref'],
          ...['trailer', '999999999999', '-1', '\0', '%', '/Length 0', '/Kids [1 0 R]', '/Encrypt <<>>'],
          ...['<html>', '&#x110000;', '&#0;', '```', '---\n', '{"', '\ud800', '\ufeff'],
        )
        .map((text) => new TextEncoder().encode(text)),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

function wound(bytes: Uint8Array, places: { at: number; remove: number; insert: Uint8Array }[]) {
  let wounded = [...bytes];
  for (const { at, remove, insert } of places) {
    const from = Math.floor(at * wounded.length);
    wounded = [...wounded.slice(0, from), ...insert, ...wounded.slice(from + remove)];
  }
  return Uint8Array.from(wounded);
}

describe('files that nobody meant to be read', () => {
  it('are answered with passages or with a reason, 10,000 times, whatever the bytes and the name', async () => {
    const name = fc.constantFrom('a.md', 'a.html', 'a.txt', 'a.jsonl', 'a.csv', 'a.tsv', 'a.parquet');
    const start = fc.constantFrom<number[]>([], [0xff, 0xfe], [0xfe, 0xff], [0xef, 0xbb, 0xbf], [0x1f, 0x8b]);
    await fc.assert(
      fc.asyncProperty(name, start, fc.uint8Array({ maxLength: 80 }), async (file, mark, bytes) => {
        await answer(file, Uint8Array.from([...mark, ...bytes]));
      }),
      { numRuns: 10_000 },
    );
  }, 120_000);

  it('are answered so when they were sound and packed, and were then damaged', async () => {
    const text = '{"id":"a","title":"Aar","text":"The Aar is a river."}\n';
    const whole = new Uint8Array(gzipSync(text.repeat(20)));
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(wounds, async (places) => {
        seen.add(await answer('a.jsonl.gz', wound(whole, places)));
      }),
      { numRuns: 1_000 },
    );
    expect(seen).toContain('refused');
  }, 60_000);

  it.each([
    [
      'a.jsonl',
      '{"id":"a","title":"Aar","text":"The Aar is a river."}\n{"id":"b","contents":"\\"Zug\\"\\nA town."}\n',
    ],
    ['a.csv', 'id,title,text\r\n1,Aar,"The ""Aar"", a river."\r\n2,Zug,"A town\r\non a lake"\r\n'],
  ])(
    'are answered so as rows that were sound and were then damaged: %s',
    async (name, text) => {
      const sound = new TextEncoder().encode(text);
      const seen = { passages: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(wounds, async (places) => {
          seen[await answer(name, wound(sound, places))]++;
        }),
        { numRuns: 10_000 },
      );
      expect(seen.passages).toBeGreaterThan(10);
      expect(seen.refused).toBeGreaterThan(10);
    },
    120_000,
  );

  it('are refused when they unpack to far more than any text packs to, before they fill the memory', async () => {
    const bomb = gzipSync(`{"text":"${'a'.repeat(40 * 2 ** 20)}"}`);
    const limits = { ...DEFAULT_LIMITS, lineLength: Infinity };
    const reading = readPassages(fileOf('a.jsonl.gz', new Blob([new Uint8Array(bomb)])), { limits });
    await expect(reading.next()).rejects.toMatchObject({ code: 'BAD_INPUT', message: /100 times its size/ });
    // Text of which little repeats is no bomb, however large.
    const words = Array.from({ length: 20_000 }, (_, i) => `{"text":"river ${i} ${Math.sin(i)}"}`).join('\n');
    expect(await answer('b.jsonl.gz', new Uint8Array(gzipSync(words)))).toBe('passages');
  });

  it('are answered so as PDF, wherever the file is damaged', async () => {
    const sound = new TextEncoder().encode(
      pdfOf([['The Aar is a river.'], ['Bern lies on it.']], { title: 'Aar' }),
    );
    const seen = { passages: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(wounds, async (places) => {
        seen[await answer('a.pdf', wound(sound, places))]++;
      }),
      // 10,000 have been run, and take minutes on a busy machine.
      { numRuns: 1_000 },
    );
    // The damage is neither always fatal nor always harmless: both ways are walked.
    expect(seen.passages).toBeGreaterThan(20);
    expect(seen.refused).toBeGreaterThan(20);
  }, 120_000);
});
