import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import type { Passage } from '../../protocol/retrieval';
import { fileOf } from './file-of';
import { parseHtml } from './html';
import { DEFAULT_LIMITS } from './limits';
import { parseMarkdown } from './markdown';
import { kindOf, readPassages, type ReadOptions } from './read-passages';

async function read(name: string, contents: BlobPart, options?: ReadOptions): Promise<Passage[]> {
  const passages: Passage[] = [];
  for await (const passage of readPassages(fileOf(name, new Blob([contents])), options))
    passages.push(passage);
  return passages;
}

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

describe('reading a file', () => {
  it('tells the kind by the ending', () => {
    expect(
      ['a.jsonl', 'b.JSONL.gz', 'x/c.md', 'd.txt', 'e.htm', 'f.PDF', 'g.docx', 'pdf'].map(kindOf),
    ).toEqual(['jsonl', 'jsonl', 'markdown', 'text', 'html', 'pdf', null, null]);
  });

  it('numbers the passages of a file and keeps its title', async () => {
    const text = Array.from({ length: 30 }, (_, i) => `Sentence ${i} has some more words in it.`).join(' ');
    const passages = await read('notes/Rivers of the north.txt', text);
    expect(passages.map(({ id }) => id)).toEqual(
      passages.map((_, i) => `notes/Rivers of the north.txt#${i + 1}`),
    );
    expect(passages.length).toBeGreaterThan(1);
    expect(new Set(passages.map(({ title }) => title))).toEqual(new Set(['Rivers of the north']));
  });

  it('keeps rows of JSONL whole unless they are long', async () => {
    const long = 'Five words are in here. '.repeat(80);
    const rows = `{"id":"a","title":"A","text":"Short."}\n{"id":"b","title":"B","text":"${long}"}`;
    const cut = await read('c.jsonl', rows);
    expect(cut.slice(0, 2).map(({ id }) => id)).toEqual(['a', 'b#1']);
    const whole = await read('c.jsonl', rows, { longRowWords: Infinity });
    expect(whole.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it.each([
    ['empty.txt', ''],
    ['blank.md', ' \n\n'],
    ['nothing.html', '<html><script>1</script></html>'],
    ['none.jsonl', '\n\n'],
  ])('refuses %s, which has no text', async (name, contents) => {
    await expect(read(name, contents)).rejects.toMatchObject({ code: 'BAD_INPUT', context: { file: name } });
  });

  it('refuses other encodings than UTF-8 and UTF-16 with a mark, by name', async () => {
    const latin1 = bytes(...'caf\xe9 au lait'.split('').map((c) => c.charCodeAt(0)));
    await expect(read('latin.txt', latin1)).rejects.toThrow('latin.txt is not valid UTF-8');
    await expect(read('cut.txt', bytes(0x61, 0xc3))).rejects.toThrow('not valid UTF-8');
    await expect(read('one.txt', bytes(0xff))).rejects.toThrow('not valid UTF-8');
    await expect(read('binary.txt', bytes(0x61, 0, 0x62))).rejects.toThrow('NUL');
    await expect(read('odd.txt', bytes(0xff, 0xfe, 0x61))).rejects.toThrow('not valid UTF-16LE');
  });

  it('accepts byte order marks', async () => {
    const [utf8] = await read('a.txt', bytes(0xef, 0xbb, 0xbf, 0x68, 0x69));
    const [little] = await read('b.txt', bytes(0xff, 0xfe, 0x68, 0, 0x69, 0));
    const [big] = await read('c.txt', bytes(0xfe, 0xff, 0, 0x68, 0, 0x69));
    expect([utf8, little, big].map((passage) => passage?.text)).toEqual(['hi', 'hi', 'hi']);
  });

  it('refuses kinds it does not know, and PDF where there is no reader', async () => {
    await expect(read('a.docx', 'x')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(read('a.pdf', 'x')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('stops when told to', async () => {
    await expect(read('a.txt', 'x', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });

  it('answers 10,000 random files of every kind with passages or an AppError, quickly', async () => {
    const pieces = fc.constantFrom(
      ...[
        '<',
        '>',
        '</',
        '<!--',
        '-->',
        '<script>',
        '</script',
        '<p a="',
        "'",
        '&#x41;',
        '&',
        '&amp',
        '<title>',
      ],
      ...[
        '# ',
        '## ',
        '```',
        '~~~',
        '---\n',
        '> ',
        '- ',
        '[a](',
        ']',
        '![',
        '**',
        '_',
        '|',
        '\n',
        '\n\n',
        '\\',
      ],
      ...[
        '{"text":"x"}',
        '\r\n',
        '\t',
        ' ',
        'word',
        'Ünï',
        '東京',
        '\u{1f600}',
        '\u0000',
        '\u2028',
        'title: "x"\n',
      ],
    );
    const text = fc.array(fc.oneof(pieces, fc.string({ maxLength: 5, unit: 'binary' })), { maxLength: 30 });
    const name = fc.constantFrom('a.md', 'a.html', 'a.txt', 'a.jsonl');
    await fc.assert(
      fc.asyncProperty(name, text, async (file, parts) => {
        const outcome = await read(file, parts.join('')).catch((error: unknown) => error);
        if (!Array.isArray(outcome)) expect(outcome).toBeInstanceOf(AppError);
        else expect(new Set(outcome.map((passage: Passage) => passage.id)).size).toBe(outcome.length);
      }),
      { numRuns: 10_000 },
    );
  }, 60_000);

  it.each([
    '<a ',
    '<!--',
    '<script>',
    '&',
    '&#',
    '<',
    '[',
    '![](',
    '**',
    '` ',
    '*a',
    '_',
    '|',
    '> ',
    '# ',
    '\n ',
    ' ',
    '-',
    'é',
    '東',
    '.',
  ])(
    'takes time in proportion to a file of nothing but %j',
    async (piece) => {
      const started = performance.now();
      for (const name of ['a.md', 'a.html', 'a.txt']) {
        await read(name, `x ${piece.repeat(300_000 / piece.length)} y`).catch(() => undefined);
      }
      // Half a second on an idle core; in quadratic time it would be minutes.
      expect(performance.now() - started).toBeLessThan(20_000);
    },
    60_000,
  );

  it('counts bytes before it reads on', async () => {
    const limits = { ...DEFAULT_LIMITS, fileBytes: 10 };
    await expect(read('a.txt', 'x'.repeat(11), { limits })).rejects.toThrow('larger than');
  });
});

describe('Markdown', () => {
  it('carries the headings into the titles of its sections', async () => {
    const source =
      '# Rivers\n\nAll of them.\n\n## North\n\nThe Aar.\n\n### Small\nThe Zihl.\n\n## South\nThe Tessin.';
    const passages = await read('rivers.md', source);
    expect(passages.map(({ title, text }) => [title, text])).toEqual([
      ['Rivers', 'All of them.'],
      ['Rivers › North', 'The Aar.'],
      ['Rivers › North › Small', 'The Zihl.'],
      ['Rivers › South', 'The Tessin.'],
    ]);
  });

  it('takes the title from the front matter, underlined headings as headings, code as text', () => {
    const { title, blocks } = parseMarkdown(
      '---\ntitle: "My page"\n---\nOne\n===\n```js\n# not a heading\n```\nTwo\n---\n',
    );
    expect(title).toBe('My page');
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'One' },
      { kind: 'text', text: '# not a heading' },
      { kind: 'heading', level: 2, text: 'Two' },
    ]);
  });

  it('leaves the words of inline markup and drops the rest', () => {
    const { blocks } = parseMarkdown(
      'A **bold** _word_ with `code`, a [link](http://x.y/z_a "t"), ![alt](i.png), snake_case, 2 * 3 &amp; <b>tag</b> <!-- c -->\\*.',
    );
    expect(blocks[0]?.text.replace(/\s+/g, ' ')).toBe(
      'A bold word with code, a link, alt, snake_case, 2 * 3 & tag *.',
    );
  });
});

describe('HTML', () => {
  it('reads text and headings, not scripts, styles, comments or navigation', () => {
    const { title, blocks } = parseHtml(
      `<!doctype html><html><head><title>Aar &ndash; river</title><style>p{}</style></head><body><nav>menu</nav>
       <h1>The <em>Aar</em></h1><p>Flows&nbsp;north.<br>Long: 288&#160;km<script>alert("<p>no</p>")</script></p><!-- <p>no</p> -->
       <h2>Towns</h2><ul><li>Bern<li>Thun</ul></body></html>`,
    );
    expect(title).toBe('Aar – river');
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'The Aar' },
      { kind: 'text', text: 'Flows north.' },
      { kind: 'text', text: 'Long: 288 km' },
      { kind: 'heading', level: 2, text: 'Towns' },
      { kind: 'text', text: 'Bern' },
      { kind: 'text', text: 'Thun' },
    ]);
  });

  it('is not confused by attributes with >, by lone < or by tags that never end', () => {
    expect(parseHtml('<p title="a > b">1 < 2 and 3<4</p>').blocks[0]?.text).toBe('1 < 2 and 3<4');
    expect(parseHtml('text <a href="').blocks.map(({ text }) => text)).toEqual(['text']);
    expect(parseHtml('<script>x').blocks).toEqual([]);
  });
});
