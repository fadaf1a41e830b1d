import { describe, expect, it } from 'vitest';
import { pdfOf } from '../../../tests/fixtures/pdf-file';
import type { Passage } from '../../protocol/retrieval';
import { nodePdfPlatform } from '../../platform/node/pdf-platform';
import { fileOf } from './file-of';
import { DEFAULT_LIMITS } from './limits';
import { joinItems } from './pdf';
import { readPassages, type ReadOptions } from './read-passages';

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
