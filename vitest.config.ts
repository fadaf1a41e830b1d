import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defaultClientConditions } from 'vite';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { findBrowser, findLavapipe, testBrowserArguments } from './tools/browser/find.mjs';
import { servedFolders } from './tools/start/served-folders.ts';
import { runtimeFolders } from './vite.config.ts';

const sources = '{src,workers,cli,tools,tests,bench}/**';
const special = [`${sources}/*.{gpu,browser,data}.test.ts`];
const skipped = ['**/node_modules/**', '**/dist/**', '**/dist-cli/**'];

const browser = findBrowser();
const lavapipe = findLavapipe();

const gpu = (adapter: 'swiftshader' | 'lavapipe'): TestProjectConfiguration => ({
  test: {
    name: `gpu-${adapter}`,
    include: [`${sources}/*.gpu.test.ts`],
    exclude: skipped,
    environment: 'node',
    pool: 'forks',
    env: { S3_ADAPTER: adapter },
    // SwiftShader compiles every pipeline on one core.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

export default defineConfig({
  test: {
    // Two cores are what the slowest machine has; software adapters use threads of their own.
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      {
        plugins: [svelte()],
        test: {
          name: 'node',
          include: [`${sources}/*.test.ts`],
          exclude: [...skipped, ...special],
          environment: 'node',
          pool: 'forks',
          testTimeout: 30_000,
        },
      },
      gpu('swiftshader'),
      // Left out where it cannot run; `npm test` says so. SwiftShader is never left out.
      ...('manifest' in lavapipe ? [gpu('lavapipe')] : []),
      {
        plugins: [svelte(), servedFolders(runtimeFolders)],
        resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
        worker: { format: 'es' },
        // Named in advance: found only when a worker asks for them, they would make the server reload pages in the middle of a test.
        optimizeDeps: {
          include: [
            ...['@huggingface/jinja', '@huggingface/tokenizers', '@huggingface/transformers'],
            ...['comlink', 'idb', 'pdfjs-dist', 'valibot'],
          ],
        },
        // Isolated like the page itself, so that WebAssembly runs with threads.
        server: {
          headers: {
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Cross-Origin-Embedder-Policy': 'require-corp',
          },
        },
        test: {
          name: 'browser',
          include: [`${sources}/*.browser.test.ts`],
          exclude: skipped,
          globalSetup: ['tests/browser/hub-setup.ts'],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                args: testBrowserArguments(),
                ...(browser !== undefined && { executablePath: browser }),
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'data',
          include: [`${sources}/*.data.test.ts`],
          exclude: skipped,
          environment: 'node',
          pool: 'forks',
          env: { S3_DATA: process.env['S3_DATA'] ?? '../shared/data' },
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
