import type { PDFWorker } from 'pdfjs-dist';
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?url';

type PdfLibrary = typeof import('pdfjs-dist');

/** pdf.js in a browser: each document in a worker of its own, which can be ended when it hangs. Works in workers, too. */
export function browserPdfPlatform(cMapUrl = '/pdfjs/cmaps/'): {
  importLibrary: () => Promise<Pick<PdfLibrary, 'getDocument'>>;
  openWorker: () => Promise<{ worker: PDFWorker; close: () => void }>;
  cMapUrl: string;
} {
  return {
    importLibrary: () => import('pdfjs-dist'),
    async openWorker() {
      const { PDFWorker } = await import('pdfjs-dist');
      const port = new Worker(workerUrl, { type: 'module' });
      const worker = PDFWorker.create({ port });
      return {
        worker,
        close: () => {
          worker.destroy();
          port.terminate();
        },
      };
    },
    cMapUrl: new URL(cMapUrl, globalThis.location.href).href,
  };
}
