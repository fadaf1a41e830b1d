/** Vector search in a tab of headless Chromium, beside other libraries in the same tab. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { build, preview, type Plugin } from 'vite';
import { findBrowser, testBrowserArguments } from '../../tools/browser/find.mjs';
import { digits, spread, summarise, table } from '../statistics';
import type { BrowserOptions, BrowserResult } from './browser/page';

const root = fileURLToPath(new URL('browser/', import.meta.url));

/** One module that names the peers: they are installed for the benchmarks only, so nothing that is type-checked may import them. */
const peers: Plugin = {
  name: 's3-vector-peers',
  resolveId: (id) => (id === 'virtual:vector-peers' ? join(root, 'vector-peers.js') : null),
  load: (id) =>
    id === join(root, 'vector-peers.js')
      ? `import * as hnswlib from 'hnswlib-wasm';
         import * as voy from 'voy-search/voy_search_bg.js';
         import voyWasm from 'voy-search/voy_search_bg.wasm?url';
         import * as orama from '@orama/orama';
         export { hnswlib, voy, voyWasm, orama };`
      : null,
};

export async function compareInBrowser(
  options: BrowserOptions,
  print: (line: string) => void,
): Promise<void> {
  const outDir = await mkdtemp(join(tmpdir(), 's3-bench-'));
  const shared = { root, configFile: false as const, logLevel: 'error' as const };
  await build({
    ...shared,
    plugins: [peers],
    build: { outDir, emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
  });
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: {
      ...{ port: 0, host: '127.0.0.1' },
      // Isolated, the page has a clock of microseconds.
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
  });
  const executablePath = findBrowser();
  const browser = await chromium.launch({
    args: testBrowserArguments(),
    ...(executablePath !== undefined && { executablePath }),
  });
  try {
    const page = await browser.newPage();
    // The peers talk, too.
    page.on('console', (message) => {
      if (message.text().startsWith('bench: ')) print(message.text().slice('bench: '.length));
    });
    await page.goto(server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0] ?? '');
    await page.waitForFunction(() => Reflect.has(window, 'measure'));
    const results = await page.evaluate(async (given) => {
      const measure = Reflect.get(window, 'measure') as (with_: BrowserOptions) => Promise<BrowserResult[]>;
      return measure(given);
    }, options);
    print(
      `\n### In a tab, ${options.count} × ${options.dimensions}, headless Chromium ${browser.version()}\n`,
    );
    const [first] = results;
    const lines = results.map(({ name, buildMs, queryMs, recall, failure }) => {
      if (failure !== undefined) return [name, failure, '', '', '', ''];
      const factor = summarise(queryMs.map((ms, round) => ms / (first?.queryMs[round] ?? NaN))).median;
      const least = Math.min(...queryMs) / Math.min(...(first?.queryMs ?? []));
      return [
        ...[name, digits(buildMs / 1000), recall.toFixed(4), spread(summarise(queryMs))],
        ...(name === first?.name ? ['', ''] : [`${digits(factor)}×`, `${digits(least)}×`]),
      ];
    });
    const header = [
      'search',
      'build s',
      'recall@10',
      'ms: median (least–most)',
      'it ÷ the first',
      'by the least',
    ];
    print(table(header, lines));
  } finally {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true, force: true });
  }
}
