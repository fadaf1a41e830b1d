import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { offlineShell } from './tools/start/offline-shell.ts';
import { metaPolicy, securityHeaders } from './tools/start/security-headers.ts';
import { servedFolders, type ServedFolder } from './tools/start/served-folders.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Read at run time, not bundled: the embedded models, and the code that libraries would otherwise fetch from a CDN. */
export const runtimeFolders: ServedFolder[] = [
  // With their logs: the registry names them, and whatever it names is checked.
  { url: '/models/', folder: here('models'), include: () => true },
  {
    // The one build of ONNX Runtime that @huggingface/transformers loads (its `webgpu` entry); the encoder worker
    // sets `wasmPaths` to this folder.
    url: '/ort/',
    folder: here('node_modules/onnxruntime-web/dist'),
    include: (path) => /^ort-wasm-simd-threaded\.asyncify\.(mjs|wasm)$/.test(path),
  },
  {
    // Character maps, without which the text of many Chinese, Japanese and Korean PDF files cannot be read.
    url: '/pdfjs/cmaps/',
    folder: here('node_modules/pdfjs-dist/cmaps'),
    include: (path) => path.endsWith('.bcmap'),
  },
];

/** Puts the policy into the page itself, for hosts that cannot send headers. */
const policyInPage: Plugin = {
  name: 's3-policy-in-page',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: metaPolicy() },
      injectTo: 'head-prepend',
    },
    { tag: 'meta', attrs: { name: 'referrer', content: 'no-referrer' }, injectTo: 'head-prepend' },
  ],
};

export default defineConfig(({ isSsrBuild }) => ({
  plugins: [
    svelte(),
    servedFolders(runtimeFolders),
    policyInPage,
    offlineShell(here('workers/service-worker.ts')),
  ],
  resolve: {
    // Makes onnxruntime-web load its WebAssembly from /ort/ instead of having Vite bundle a second copy of 27 MB.
    conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
  },
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    // Inlined assets would be data: URLs, which the policy refuses for anything but images.
    assetsInlineLimit: 0,
    // Read by the bundle check.
    manifest: isSsrBuild !== true,
    chunkSizeWarningLimit: 1500,
    // The command line, which is built with `--ssr`, reads these files where they are.
    copyPublicDir: isSsrBuild !== true,
  },
  server: { headers: securityHeaders('dev') },
  preview: { headers: securityHeaders('build') },
}));
