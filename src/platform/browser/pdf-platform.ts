import type * as Pdf from 'pdfjs-dist';
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?url';

interface PdfThread {
  worker: Pdf.PDFWorker;
  end: () => void;
}

/** pdf.js in a browser, parsing in a worker that serves one document after another. Works in workers, too. */
export function browserPdfPlatform(cMapUrl = '/pdfjs/cmaps/'): {
  importLibrary: () => Promise<Pick<typeof Pdf, 'getDocument'>>;
  openWorker: () => Promise<PdfThread>;
  cMapUrl: string;
} {
  let running: PdfThread | null = null;
  return {
    importLibrary: () => import('pdfjs-dist'),
    async openWorker() {
      if (running) return running;
      const { PDFWorker } = await import('pdfjs-dist');
      const port = new Worker(workerUrl, { type: 'module', name: 'pdf' });
      const worker = PDFWorker.create({ port });
      running = {
        worker,
        end: () => {
          running = null;
          worker.destroy();
          port.terminate();
        },
      };
      return running;
    },
    cMapUrl: new URL(cMapUrl, globalThis.location.href).href,
  };
}
