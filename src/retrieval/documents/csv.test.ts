import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { separatorOf, tableRows } from './csv';

async function rows(name: string, ...pieces: string[]): Promise<string[][]> {
  async function* given(): AsyncGenerator<string> {
    for (const piece of pieces) yield Promise.resolve(piece);
  }
  const found: string[][] = [];
  for await (const { fields } of tableRows(given(), name, 100_000)) found.push(fields);
  return found;
}

const quote = (field: string): string => `"${field.replaceAll('"', '""')}"`;

describe('tables', () => {
  it('are read as RFC 4180 has them', async () => {
    const text = 'id,text\r\n1,"a, b"\r\n2,"say ""hi"""\r\n3,"two\r\nlines"\r\n4,\r\n';
    expect(await rows('a.csv', text)).toEqual([
      ['id', 'text'],
      ['1', 'a, b'],
      ['2', 'say "hi"'],
      ['3', 'two\nlines'],
      ['4', ''],
    ]);
  });

  it('may end without a line break, have empty lines, and quotes in the middle of a field', async () => {
    expect(await rows('a.csv', 'a,b\n\n1,5" disk\n"x"y,z')).toEqual([
      ['a', 'b'],
      ['1', '5" disk'],
      ['xy', 'z'],
    ]);
  });

  it('have tabs, or whatever the first line has most of', () => {
    expect(separatorOf('a.tsv', 'a,b,c')).toBe('\t');
    expect(separatorOf('a.csv', 'id;title;text, long\n')).toBe(';');
    expect(separatorOf('a.csv.gz', 'id')).toBe(',');
  });

  it('name the line of a quote that is never closed', async () => {
    await expect(rows('a.csv', 'a,b\n1,2\n3,"open')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      context: { line: 3 },
    });
  });

  it('come back as they were written, however the text is cut into pieces', async () => {
    const field = fc
      .string({ unit: fc.constantFrom('a', ',', '"', '\n', ';', ' ', 'ö', '\t'), maxLength: 8 })
      .map((text) => text);
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom('\n', '\r\n'), fc.nat(200), async (given, end, cut) => {
        const text = [['h,', 'x'], ...given].map((row) => row.map(quote).join(',')).join(end) + end;
        const at = cut % text.length;
        const found = await rows('a.tsv'.replace('tsv', 'csv'), text.slice(0, at), text.slice(at));
        expect(found.slice(1)).toEqual(given);
      }),
      { numRuns: 300 },
    );
  });
});
