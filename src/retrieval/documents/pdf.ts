/** The text of a PDF through pdf.js, which parses in a worker of its own where there are workers. */
import type * as Pdf from 'pdfjs-dist';
import { AppError, isAbort, throwIfAborted } from '../../protocol/errors';
import type { DocumentFile } from '../../protocol/corpus';
import type { Block } from './blocks';
import { readWholeBytes } from './decode-text';
import type { ImportLimits } from './limits';
import type { ParsedDocument } from './markdown';

/** pdf.js as the place at hand loads it: with its worker and the folder of its character maps. */
export interface PdfPlatform {
  importLibrary(): Promise<Pick<typeof Pdf, 'getDocument'>>;
  /** URL or path with a slash at the end; `null`: texts that need these maps cannot be read. */
  cMapUrl: string | null;
  /** The worker for the next document; to be ended when it hangs. Absent: parsing happens on this thread. */
  openWorker?(): Promise<{ worker: Pdf.PDFWorker; end: () => void }>;
}

/** A page that takes longer is hostile or broken. To open includes the start of the worker, on a busy machine. */
const PAGE_LIMIT_MS = 20_000;
const OPEN_LIMIT_MS = 60_000;
/** Of the line height: a larger gap between base lines begins a paragraph. */
const PARAGRAPH_GAP = 1.6;

interface TextItem {
  str: string;
  hasEOL: boolean;
  height: number;
  transform: unknown[];
}

const isText = (item: object): item is TextItem => 'str' in item && 'transform' in item;

/** Lines of a page joined to paragraphs; words cut at a line's end are whole again. */
export function joinItems(items: readonly object[]): string {
  let text = '';
  let lastY: number | null = null;
  for (const item of items) {
    if (!isText(item)) continue;
    const y = Number(item.transform[5]);
    if (lastY !== null && item.str.trim() !== '') {
      const gap = Math.abs(lastY - y);
      if (item.height > 0 && gap > item.height * PARAGRAPH_GAP) text = `${text.trimEnd()}\n\n`;
      else if (gap > item.height / 2 && !/\s$/.test(text.slice(-1))) text += '\n';
    }
    if (item.str.trim() !== '') lastY = y;
    text += item.str + (item.hasEOL ? '\n' : '');
  }
  return text.replace(/(\p{Ll})[-\u00ad]\n(?=\p{Ll})/gu, '$1').trim();
}

function describe(error: unknown, file: string): unknown {
  if (error instanceof AppError || isAbort(error)) return error;
  const name = error instanceof Error ? error.name : '';
  const context = { file };
  if (name === 'PasswordException') {
    return new AppError('BAD_INPUT', `${file} is encrypted.`, {
      fix: 'Open it with its password, save a copy without one, and add that.',
      context,
    });
  }
  return new AppError('BAD_INPUT', `${file} is no PDF that can be read.`, {
    fix: 'Open it in a viewer and print it to a new PDF, or add its text.',
    context,
    cause: error,
  });
}

const tooSlow = (file: string): AppError =>
  new AppError('BAD_INPUT', `${file} takes too long to read.`, {
    fix: 'Print the document to a new PDF, or add its text.',
    context: { file },
  });

async function withLimit<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('TIMEOUT', 'The PDF reader does not answer.')), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function readTitle(pdf: Pdf.PDFDocumentProxy): Promise<string | null> {
  const { info } = await pdf.getMetadata();
  const title: unknown = Reflect.get(info, 'Title');
  return typeof title === 'string' && title.trim() !== '' ? title.trim() : null;
}

/** One block per page. Rejects with `BAD_INPUT` for what is encrypted, broken, too long, or has no text. */
export async function parsePdf(
  file: DocumentFile,
  platform: PdfPlatform,
  limits: ImportLimits,
  signal?: AbortSignal,
): Promise<ParsedDocument> {
  const data = await readWholeBytes(file, limits, signal);
  const { getDocument } = await platform.importLibrary();
  const own = await platform.openWorker?.();
  const task = getDocument({
    data,
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    enableXfa: false,
    stopAtErrors: false,
    verbosity: 0,
    ...(own && { worker: own.worker, useWorkerFetch: true }),
    ...(platform.cMapUrl === null ? {} : { cMapUrl: platform.cMapUrl, cMapPacked: true }),
  });
  let hung = false;
  try {
    const pdf = await withLimit(task.promise, OPEN_LIMIT_MS);
    if (pdf.numPages > limits.pdfPages) {
      throw new AppError(
        'BAD_INPUT',
        `${file.name} has ${pdf.numPages} pages, more than ${limits.pdfPages}.`,
        {
          fix: 'Split the document.',
          context: { file: file.name },
        },
      );
    }
    const title = await readTitle(pdf);
    const blocks: Block[] = [];
    for (let number = 1; number <= pdf.numPages; number++) {
      throwIfAborted(signal);
      const page = await withLimit(pdf.getPage(number), PAGE_LIMIT_MS);
      const { items } = await withLimit(page.getTextContent(), PAGE_LIMIT_MS);
      const text = joinItems(items);
      if (text !== '') blocks.push({ kind: 'text', text });
      page.cleanup();
    }
    if (blocks.length === 0) {
      throw new AppError('BAD_INPUT', `${file.name} has no text; its pages are probably scanned pictures.`, {
        fix: 'Run it through text recognition (OCR) first.',
        context: { file: file.name },
      });
    }
    return { title, blocks };
  } catch (error) {
    hung = error instanceof AppError && error.code === 'TIMEOUT';
    throw hung ? tooSlow(file.name) : describe(error, file.name);
  } finally {
    // A worker that hangs does not answer the request to stop; it is ended without asking.
    if (own && hung) own.end();
    else await task.destroy();
  }
}
