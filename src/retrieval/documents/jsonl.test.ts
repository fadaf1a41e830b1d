import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import type { DocumentFile } from '../../protocol/corpus';
import { fileOf } from './file-of';
import { readJsonl, type NumberedPassage } from './jsonl';
import { DEFAULT_LIMITS } from './limits';

async function read(file: DocumentFile, limits = DEFAULT_LIMITS): Promise<NumberedPassage[]> {
  const rows: NumberedPassage[] = [];
  for await (const row of readJsonl(file, limits)) rows.push(row);
  return rows;
}

const jsonl = (text: string, name = 'corpus.jsonl'): DocumentFile => fileOf(name, new Blob([text]));

/** Hands the bytes out in pieces of the given sizes, as a stream of a disk or a network may. */
const inPieces = (bytes: Uint8Array<ArrayBuffer>, size: number): DocumentFile => ({
  name: 'pieces.jsonl',
  size: bytes.length,
  stream: () => {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) controller.close();
        else controller.enqueue(bytes.slice(at, (at += size)));
      },
    });
  },
});

describe('a JSONL corpus', () => {
  it('gives id, title and text of each row, numbers as ids included', async () => {
    const rows = await read(
      jsonl('{"id": "a", "title": "Aar", "text": "A river."}\r\n\n{"_id": 7, "text": "No title."}\n'),
    );
    expect(rows).toEqual([
      { line: 1, passage: { id: 'a', title: 'Aar', text: 'A river.' } },
      { line: 3, passage: { id: '7', title: '', text: 'No title.' } },
    ]);
  });

  it('splits contents into the quoted title and the text', async () => {
    const [row] = await read(jsonl('{"id":"0","contents":"\\"The \\"Aar\\"\\"\\nA river.\\nIt flows."}'));
    expect(row?.passage).toEqual({ id: '0', title: 'The "Aar"', text: 'A river.\nIt flows.' });
  });

  it('makes an id of file and line where there is none', async () => {
    const rows = await read(jsonl('\n{"text":"x"}'));
    expect(rows[0]?.passage.id).toBe('corpus.jsonl#2');
  });

  it('reads gzip, and refuses what only claims to be', async () => {
    const packed = new Uint8Array(gzipSync('{"id":"1","text":"x"}'));
    expect(await read(fileOf('c.jsonl.gz', new Blob([packed])))).toHaveLength(1);
    await expect(read(fileOf('c.jsonl.gz', new Blob(['no gzip'])))).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  it.each([
    ['{"id": 1, "text": "x"}\n{"id": 2, "text": ', 2, 'not JSON'],
    ['[1]', 1, 'not a JSON object'],
    ['{"text":"a"}\n\n\n{"title":"b"}', 4, 'neither'],
    ['{"text":7}', 1, 'no text'],
    ['{"id":{},"text":"x"}', 1, 'no text'],
    ['{"id":"","text":"x"}', 1, 'empty id'],
    ['{"text":"  "}', 1, 'no text'],
    ['{"id":"a","text":"x"}\n{"id":"b","text":"x"}\n{"id":"a","text":"y"}', 3, 'of line 1'],
  ])('names the broken line of %j', async (text, line, what) => {
    const error = await read(jsonl(text)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'BAD_INPUT', context: { file: 'corpus.jsonl', line } });
    expect(String(error)).toContain(what);
  });

  it('refuses rows and files beyond the limits before they fill the memory', async () => {
    const long = jsonl(`{"text":"${'x'.repeat(2000)}"}`);
    await expect(read(long, { ...DEFAULT_LIMITS, lineLength: 1000 })).rejects.toMatchObject({
      context: { line: 1 },
    });
    await expect(read(long, { ...DEFAULT_LIMITS, fileBytes: 1000 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(5_000_000, 0x20)));
    const packed = fileOf('bomb.jsonl.gz', new Blob([bomb]));
    await expect(read(packed, { ...DEFAULT_LIMITS, fileBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
  });

  it('is not harmed by keys such as __proto__', async () => {
    const [row] = await read(
      jsonl('{"__proto__":{"text":"x","polluted":1},"id":"1","text":"y","constructor":3}'),
    );
    expect(row?.passage).toEqual({ id: '1', title: '', text: 'y' });
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    await expect(read(jsonl('{"__proto__":{"text":"x"}}'))).rejects.toThrow('neither');
  });

  it('reads the same however the bytes arrive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        async (texts, size) => {
          const lines = texts.map((text, i) => JSON.stringify({ id: i, text: `${text}.` })).join('\n');
          const rows = await read(inPieces(new TextEncoder().encode(lines), size));
          expect(rows.map(({ passage }) => passage.text)).toEqual(texts.map((text) => `${text}.`));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('answers 10,000 mutilated files with rows or with an AppError that names the right line', async () => {
    const good = '{"id": "%", "title": "T", "text": "Some text."}';
    const noise = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        '{',
        '}',
        '"',
        '\n',
        '\\',
        '\0',
        '[',
        '{"text":',
        '\u{1f600}',
        '{"id":null}',
        '"__proto__"',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(5), fc.nat(44), fc.nat(44), noise, async (broken, from, length, insert) => {
        const lines = Array.from({ length: 6 }, (_, i) => good.replace('%', String(i)));
        const line = lines[broken] ?? '';
        lines[broken] = line.slice(0, from) + insert + line.slice(from + length);
        const text = lines.join('\n');
        const outcome = await read(jsonl(text)).catch((error: unknown) => error);
        if (Array.isArray(outcome)) return;
        expect(outcome).toBeInstanceOf(AppError);
        const context = (outcome as AppError).context;
        const extra = insert.split('\n').length - 1;
        if (context?.['line'] === undefined) {
          expect(String(outcome)).toMatch(/NUL/);
        } else {
          // A repeated id shows at the later of the two lines.
          const repeats = String(outcome).includes('repeats');
          expect(context['line']).toBeGreaterThanOrEqual(broken + 1);
          if (!repeats) expect(context['line']).toBeLessThanOrEqual(broken + 1 + extra);
        }
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);
});
