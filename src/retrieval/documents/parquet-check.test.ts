/** Parquet files made to keep a reader busy: small, and refused at once. Written by hand, since no writer writes such. */
import { describe, expect, it } from 'vitest';
import { parquetRows } from './parquet';

type Field = [id: number, type: 'i32' | 'i64' | 'bytes' | 'list' | 'struct', value: number | number[]];
const TYPES = { i32: 5, i64: 6, bytes: 8, list: 9, struct: 12 } as const;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return [...bytes, left];
}
const text = (value: string): number[] => [...new TextEncoder().encode(value)];

/** Thrift's compact protocol; numbers in zigzag. */
function struct(...fields: Field[]): number[] {
  let before = 0;
  const bytes = fields.flatMap(([id, type, value]) => {
    const head = ((id - before) << 4) | TYPES[type];
    before = id;
    if (type === 'i32' || type === 'i64') return [head, ...varint(Number(value) * 2)];
    const body = value as number[];
    return type === 'bytes' ? [head, ...varint(body.length), ...body] : [head, ...body];
  });
  return [...bytes, 0];
}
const list = (type: keyof typeof TYPES, items: number[][]): number[] => [
  0xf0 | TYPES[type],
  ...varint(items.length),
  ...items.flat(),
];
const name = (value: string): number[] => [...varint(value.length), ...text(value)];

interface Page {
  values: number;
  encoding: number;
  content: number[];
}
const page = ({ values, encoding, content }: Page): number[] => {
  const data = struct([1, 'i32', values], [2, 'i32', encoding], [3, 'i32', 3], [4, 'i32', 3]);
  const sizes: Field[] = [
    [1, 'i32', 0],
    [2, 'i32', content.length],
    [3, 'i32', content.length],
  ];
  return [...struct(...sizes, [5, 'struct', data]), ...content];
};
const dictionary = (content: number[], values: number): number[] => {
  const own = struct([1, 'i32', values], [2, 'i32', 0]);
  const sizes: Field[] = [
    [1, 'i32', 2],
    [2, 'i32', content.length],
    [3, 'i32', content.length],
  ];
  return [...struct(...sizes, [7, 'struct', own]), ...content];
};

interface Column {
  /** `parquet.thrift`: 2 a number of 64 bits, 6 a text. */
  type: number;
  optional?: boolean;
  values: number;
  pages: number[];
  hasDictionary?: boolean;
}

/** One column, in as many groups of rows as asked for, which all lie at the same place. */
function file(
  { type, optional = false, values, pages, hasDictionary }: Column,
  groups = 1,
): Uint8Array<ArrayBuffer> {
  const meta = struct(
    [1, 'i32', type],
    [2, 'list', list('i32', [[0]])],
    [3, 'list', list('bytes', [name('question')])],
    ...([[4, 'i32', 0], [5, 'i64', values], [6, 'i64', pages.length], [7, 'i64', pages.length]] as Field[]),
    [9, 'i64', 4 + (hasDictionary ? 1 : 0)],
    ...(hasDictionary ? ([[11, 'i64', 4]] as Field[]) : []),
  ); // prettier-ignore
  const group = struct(
    [1, 'list', list('struct', [struct([2, 'i64', 4], [3, 'struct', meta])])],
    [2, 'i64', pages.length],
    [3, 'i64', values],
  );
  const root = struct([4, 'bytes', text('schema')], [5, 'i32', 1]);
  const leaf = struct([1, 'i32', type], [3, 'i32', optional ? 1 : 0], [4, 'bytes', text('question')]);
  const footer = struct(
    [1, 'i32', 1],
    [2, 'list', list('struct', [root, leaf])],
    [3, 'i64', values * groups],
    [4, 'list', list('struct', Array<number[]>(groups).fill(group))],
  );
  return withFooter(pages, footer);
}

function withFooter(pages: number[], footer: number[]): Uint8Array<ArrayBuffer> {
  const length = new Uint8Array(new Uint32Array([footer.length]).buffer);
  return Uint8Array.from([...text('PAR1'), ...pages, ...footer, ...length, ...text('PAR1')]);
}

const counted = (bytes: number[]): number[] => [
  ...new Uint8Array(new Uint32Array([bytes.length]).buffer),
  ...bytes,
];
const plainText = (...texts: string[]): number[] => texts.flatMap((one) => counted(text(one)));

async function read(bytes: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of parquetRows(bytes)) rows.push(row);
  return rows;
}

describe('pages in the first form are read', () => {
  it('plain, with nulls, by a dictionary and as differences', async () => {
    const plain = page({ values: 2, encoding: 0, content: plainText('who?', 'what?') });
    expect(await read(file({ type: 6, values: 2, pages: plain }))).toEqual([{ question: 'who?' }, { question: 'what?' }]);
    // Levels: one run of a 1, one of a 0.
    const nulls = page({ values: 2, encoding: 0, content: [...counted([2, 1, 2, 0]), ...plainText('who?')] });
    expect(await read(file({ type: 6, optional: true, values: 2, pages: nulls }))).toEqual([{ question: 'who?' }, { question: null }]);
    const indexes = page({ values: 3, encoding: 8, content: [1, 4, 1, 2, 0] });
    const pages = [...dictionary(plainText('a', 'b'), 2), ...indexes];
    expect(await read(file({ type: 6, values: 3, pages, hasDictionary: true }))).toEqual(['b', 'b', 'a'].map((question) => ({ question })));
    // Blocks of 128 in 4 groups; 3 values from 7 on, each one more.
    const delta = [...varint(128), 4, 3, 14, 2, 0, 0, 0, 0];
    const numbers = page({ values: 3, encoding: 5, content: delta });
    expect(await read(file({ type: 2, values: 3, pages: numbers }))).toEqual([7, 8, 9].map((question) => ({ question })));
  }); // prettier-ignore
});

describe('a small file that would keep the reader busy is refused', () => {
  const HUGE = 2 ** 30;
  const endless = Array<number>(60_000).fill(0xff);
  const cases: [string, () => Uint8Array<ArrayBuffer>][] = [
    [
      'by a run of levels of a billion',
      () => {
        const content = [...counted([...varint(HUGE), 1]), ...plainText('x')];
        return file({ type: 6, optional: true, values: 1, pages: page({ values: 1, encoding: 0, content }) });
      },
    ],
    [
      'by a run of indexes of a billion',
      () => {
        const pages = [...dictionary(plainText('a'), 1), ...page({ values: 1, encoding: 8, content: [1, ...varint(HUGE), 0] })];
        return file({ type: 6, values: 1, pages, hasDictionary: true });
      },
    ], // prettier-ignore
    [
      'by millions of values in no bytes',
      () => {
        const pages = [...dictionary(plainText('a'), 1), ...page({ values: 19_000_000, encoding: 8, content: [0] })];
        return file({ type: 6, values: 19_000_000, pages, hasDictionary: true });
      },
    ], // prettier-ignore
    [
      'by a number of a value without end',
      () => {
        const content = [...varint(128), 4, 3, ...endless, 0];
        return file({ type: 2, values: 3, pages: page({ values: 3, encoding: 5, content }) });
      },
    ],
    ['by a number of its metadata without end', () => withFooter([0], [0x16, ...endless, 0, 0])],
    ['by a structure of its metadata without end', () => withFooter([0], Array<number>(50_000).fill(0x1c))],
    [
      'by texts that repeat gigabytes of what was before',
      () => {
        // Two lists of differences, of one block of 128 in 4 groups each: prefixes 0, 1, 2 … and suffixes of one byte.
        const prefixes = [...varint(128), 4, 3, 0, ...varint(2 ** 31), 0, 0, 0, 0];
        const suffixes = [...varint(128), 4, 3, 2, 0, 0, 0, 0, 0];
        const content = [...prefixes, ...suffixes, ...text('abc')];
        return file({ type: 6, values: 3, pages: page({ values: 3, encoding: 7, content }) });
      },
    ],
    [
      'by thousands of groups that all lie at one place',
      () => {
        const pages = page({ values: 100, encoding: 0, content: plainText(...Array<string>(100).fill('x')) });
        return file({ type: 6, values: 100, pages }, 300);
      },
    ],
  ];
  it.each(cases)(
    '%s',
    async (_, make) => {
      await expect(read(make())).rejects.toThrow(/damaged|outside|do not agree|missing/);
    },
    10_000,
  );
});
