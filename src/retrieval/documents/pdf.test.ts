import { describe, expect, it } from 'vitest';
import type { Passage } from '../../protocol/retrieval';
import { nodePdfPlatform } from '../../platform/node/pdf-platform';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS } from './limits';
import { joinItems } from './pdf';
import { readPassages, type ReadOptions } from './read-passages';

/** A PDF 1.4 file with one text line after another on each page; written by hand, cross-reference table included. */
function pdfOf(pages: string[][], extra: { title?: string; encrypted?: boolean } = {}): string {
  const objects: string[] = [];
  const add = (body: string): number => objects.push(body);
  const font = add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  const kids = pages.map((lines) => {
    const text = lines.map((line) => `(${line.replace(/[()\\]/g, '\\$&')}) Tj T*`).join('\n');
    const stream = `BT /F1 12 Tf 14 TL 50 750 Td\n${text}\nET`;
    return [add(`<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`), 0] as [number, number];
  });
  const parent = objects.length + kids.length + 1;
  for (const kid of kids) {
    kid[1] = add(
      `<< /Type /Page /Parent ${parent} 0 R /MediaBox [0 0 600 800] /Contents ${kid[0]} 0 R /Resources << /Font << /F1 ${font} 0 R >> >> >>`,
    );
  }
  add(`<< /Type /Pages /Count ${kids.length} /Kids [${kids.map((kid) => `${kid[1]} 0 R`).join(' ')}] >>`);
  const root = add(`<< /Type /Catalog /Pages ${parent} 0 R >>`);
  const info = add(`<< /Title (${extra.title ?? ''}) >>`);
  const secret = '<' + 'ab'.repeat(32) + '>';
  const encryption = extra.encrypted
    ? `/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O ${secret} /U ${secret} >> /ID [<0011> <0011>]`
    : '';
  let file = '%PDF-1.4\n';
  const offsets = objects.map((body, i) => {
    const offset = file.length;
    file += `${i + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) file += `${String(offset).padStart(10, '0')} 00000 n \n`;
  return `${file}trailer << /Size ${objects.length + 1} /Root ${root} 0 R /Info ${info} 0 R ${encryption} >>\nstartxref\n${start}\n%%EOF`;
}

async function read(contents: string, options: ReadOptions = {}): Promise<Passage[]> {
  const passages: Passage[] = [];
  const file = fileOf('river.pdf', new Blob([contents]));
  for await (const passage of readPassages(file, { pdf: nodePdfPlatform(), ...options }))
    passages.push(passage);
  return passages;
}

describe('PDF', () => {
  it('gives the text of all pages under the title of the document', async () => {
    const passages = await read(
      pdfOf([['The Aar is a river.', 'It flows to the con-', 'fluence.'], ['Bern lies on it.']], {
        title: 'Aar',
      }),
    );
    expect(passages).toEqual([
      {
        id: 'river.pdf#1',
        title: 'Aar',
        text: 'The Aar is a river. It flows to the confluence. Bern lies on it.',
      },
    ]);
  });

  it('falls back to the name of the file for a title', async () => {
    expect((await read(pdfOf([['Text.']])))[0]?.title).toBe('river');
  });

  it('says of an encrypted file that it is encrypted', async () => {
    await expect(read(pdfOf([['Text.']], { encrypted: true }))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'river.pdf is encrypted.',
    });
  });

  it('refuses files that are no PDF, have no text, or have too many pages', async () => {
    await expect(read('hello')).rejects.toThrow('no PDF');
    await expect(read(pdfOf([['']]))).rejects.toThrow('no text');
    const limits = { ...DEFAULT_LIMITS, pdfPages: 1 };
    await expect(read(pdfOf([['a'], ['b']]), { limits })).rejects.toThrow('more than 1');
  });

  it('answers a file cut anywhere with text or an AppError', async () => {
    const whole = pdfOf([['The Aar is a river.']]);
    for (let length = 0; length < whole.length; length += 97) {
      const outcome = await read(whole.slice(0, length)).catch((error: unknown) => error);
      if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ code: 'BAD_INPUT' });
    }
  });

  it('begins a paragraph at a gap and keeps lines apart', () => {
    const item = (str: string, y: number): object => ({
      str,
      hasEOL: false,
      height: 10,
      transform: [1, 0, 0, 1, 0, y],
    });
    expect(joinItems([item('One', 100), item('two.', 88), item('Three', 50), { type: 'marked' }])).toBe(
      'One\ntwo.\n\nThree',
    );
  });
});
