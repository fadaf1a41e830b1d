import type * as Pdf from 'pdfjs-dist';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

type PdfLibrary = typeof Pdf;

let library: Promise<Pick<PdfLibrary, 'getDocument'>> | undefined;

/** pdf.js makes matrices on import, says that it has no canvas, and needs neither unless it draws. */
class UnusedMatrix {
  readonly isIdentity = true;
}

async function importQuietly(): Promise<Pick<PdfLibrary, 'getDocument'>> {
  const { warn } = console;
  console.warn = () => undefined;
  if (!('DOMMatrix' in globalThis)) Reflect.set(globalThis, 'DOMMatrix', UnusedMatrix);
  try {
    return await import('pdfjs-dist/legacy/build/pdf.mjs');
  } finally {
    console.warn = warn;
  }
}

/** pdf.js in Node: the build for engines without the newest JavaScript, parsing on this thread. */
export function nodePdfPlatform(): {
  importLibrary: () => Promise<Pick<PdfLibrary, 'getDocument'>>;
  cMapUrl: string;
} {
  const root = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
  return { importLibrary: () => (library ??= importQuietly()), cMapUrl: join(root, 'cmaps') + sep };
}
