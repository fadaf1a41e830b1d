/**
 * A tab of headless Chromium with a million passages: left on a loopback server and read by range, fetched whole, and imported by words. What is
 * told is time by the clock, time of the processors that all processes of the browser took, and memory of the tab: as the engine counts it, and
 * what is resident of its process at most. `tsx million-browser.ts FOLDER [parts…]`
 */
import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chromium, type BrowserContext, type CDPSession, type Page } from '@playwright/test';
import { build } from 'vite';
import { RETRIEVAL_MODES } from '../../src/protocol/retrieval';
import { findBrowser, testBrowserArguments } from '../../tools/browser/find.mjs';
import { digits, summarise } from '../statistics';
import { madeQueries } from './million-corpus';
import type { tab as Tab } from './million/page';

type Name = keyof typeof Tab;

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
};

/** Files of two folders, whole and by range, to an isolated page. */
async function serveFolders(
  page: string,
  data: string,
): Promise<{ url: string; server: Server; sent: () => number }> {
  let sent = 0;
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = path.startsWith('/data/')
      ? join(data, path.slice(6))
      : join(page, path === '/' ? 'index.html' : path);
    const answer = async (): Promise<void> => {
      const { size } = await stat(file);
      const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      const start = Number(from ?? 0);
      const end = to === undefined || to === '' ? size - 1 : Math.min(size - 1, Number(to));
      response.writeHead(from === undefined ? 200 : 206, {
        'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
        'Content-Length': end - start + 1,
        'Accept-Ranges': 'bytes',
        ...(from !== undefined && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
        'Cache-Control': 'no-store',
      });
      const body = createReadStream(file, { start, end });
      body.on('data', (piece) => (sent += piece.length));
      body.pipe(response);
    };
    answer().catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, sent: () => sent };
}

interface Spent {
  seconds: number;
  cpu: number;
  /** Of the renderer with most, in bytes. */
  resident: number;
}

const TICKS = 100;

/** Runs the work, and looks at the processes of the browser meanwhile. */
async function watched<T>(browser: CDPSession, work: () => Promise<T>): Promise<[T, Spent]> {
  const processes = async () => {
    const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
    return processInfo.flatMap(({ id, type }) => {
      try {
        const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
        const status = readFileSync(`/proc/${id}/status`, 'utf8');
        const resident = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
        return [{ type, resident, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS }];
      } catch {
        return []; // It has ended.
      }
    });
  };
  const cpu = async (): Promise<number> => (await processes()).reduce((sum, one) => sum + one.cpu, 0);
  let resident = 0;
  const look = async (): Promise<void> => {
    for (const one of await processes())
      if (one.type === 'renderer') resident = Math.max(resident, one.resident);
  };
  const before = await cpu();
  const started = performance.now();
  const timer = setInterval(() => void look().catch(() => undefined), 300);
  try {
    const result = await work();
    await look();
    return [result, { seconds: (performance.now() - started) / 1000, cpu: (await cpu()) - before, resident }];
  } finally {
    clearInterval(timer);
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const QUERIES = madeQueries(21);

class Measured {
  constructor(
    readonly context: BrowserContext,
    readonly browser: CDPSession,
    readonly url: string,
  ) {}

  async open(): Promise<Page> {
    const page = await this.context.newPage();
    page.on('console', (message) => console.log(`  tab: ${message.text()}`));
    await page.goto(this.url);
    await page.waitForFunction(() => Reflect.has(window, 'tab'));
    return page;
  }

  call<N extends Name>(
    page: Page,
    name: N,
    ...given: Parameters<(typeof Tab)[N]>
  ): Promise<Awaited<ReturnType<(typeof Tab)[N]>>> {
    return page.evaluate(
      ([what, with_]) => {
        const all = Reflect.get(window, 'tab') as Record<string, (...of: unknown[]) => Promise<unknown>>;
        return all[what]?.(...with_);
      },
      [name, given] as const,
    ) as Promise<Awaited<ReturnType<(typeof Tab)[N]>>>;
  }

  async step<T>(what: string, work: () => Promise<T>): Promise<T> {
    const [result, { seconds, cpu, resident }] = await watched(this.browser, work);
    console.log(
      `${what}: ${digits(seconds)} s, ${digits(cpu)} s of the processors; most resident ${megabytes(resident)}`,
    );
    return result;
  }

  async searches(
    page: Page,
    id: string,
    modes: readonly (typeof RETRIEVAL_MODES)[number][] = RETRIEVAL_MODES,
  ): Promise<void> {
    for (const mode of modes) {
      const found = await this.step(`  ${mode}`, () => this.call(page, 'search', id, mode, QUERIES));
      const { median, least, most } = summarise(found.ms);
      console.log(
        `    the first ${digits(found.firstMs / 1000)} s, then ${digits(median)} ms (${digits(least)} to ${digits(most)}); ${found.found} found; said to hold ${megabytes(found.memoryBytes)} ${found.how}`,
      );
    }
    console.log(`  the engine counts ${megabytes(await this.call(page, 'memory'))}`);
  }
}

async function main(): Promise<void> {
  const [folder = '', ...wanted] = process.argv.slice(2);
  const wants = (part: string): boolean => wanted.length === 0 || wanted.includes(part);
  const outDir = await mkdtemp(join(folder, 'page-'));
  const profile = await mkdtemp(join(folder, 'profile-'));
  await build({
    root: fileURLToPath(new URL('million/', import.meta.url)),
    ...{ configFile: false, logLevel: 'error', worker: { format: 'es' } },
    build: { outDir, emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
  });
  const { url, server, sent } = await serveFolders(outDir, folder);
  const executablePath = findBrowser();
  const context = await chromium.launchPersistentContext(profile, {
    args: testBrowserArguments(),
    ...(executablePath !== undefined && { executablePath }),
  });
  try {
    const session = await context.browser()?.newBrowserCDPSession();
    if (!session) throw new Error('The browser cannot be asked for its processes.');
    const measured = new Measured(context, session, url);
    const pack = `${url}data/pack/`;
    if (wants('range')) {
      console.log('Left where it is:');
      const page = await measured.open();
      const before = sent();
      const id = await measured.step('linked', () => measured.call(page, 'link', pack));
      await measured.searches(page, id);
      console.log(`  ${megabytes(sent() - before)} were fetched`);
      await measured.call(page, 'remove', id);
      await page.close();
    }
    if (wants('whole')) {
      console.log('Fetched whole:');
      const page = await measured.open();
      const id = await measured.step('fetched', () => measured.call(page, 'fetch', pack));
      console.log(`  the engine counts ${megabytes(await measured.call(page, 'memory'))}`);
      await measured.searches(page, id);
      await page.close();
      console.log('After a reload:');
      const again = await measured.open();
      await measured.searches(again, id);
      await measured.call(again, 'remove', id);
      await again.close();
    }
    if (wants('import')) {
      console.log('Imported, by words:');
      const page = await measured.open();
      const id = await measured.step('imported', () =>
        measured.call(page, 'import', `${url}data/passages.jsonl.gz`),
      );
      console.log(`  the engine counts ${megabytes(await measured.call(page, 'memory'))}`);
      await measured.searches(page, id, ['bm25']);
      await page.close();
      console.log('After a reload:');
      await measured.searches(await measured.open(), id, ['bm25']);
    }
  } finally {
    await context.close();
    server.close();
    for (const path of [outDir, profile]) await rm(path, { recursive: true, force: true });
  }
}

await main();
