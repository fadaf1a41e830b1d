/** How long a newcomer waits for the first answer, and whether the page stays responsive meanwhile. */
import { gzipSync } from 'node:zlib';
import { chromium, type Response } from '@playwright/test';
import { findBrowser, testBrowserArguments } from '../../tools/browser/find.mjs';

/** What the browser offers the page. */
export type BrowserForm = 'WebGPU on SwiftShader' | 'without WebGPU';

export interface FirstAnswer {
  browser: string;
  /** JavaScript that the page's thread had loaded before the question was asked, gzip, in units of 1000 bytes. */
  scriptsKB: number;
  /** From opening the address, nothing cached, to the answer of s3 to the first example. */
  coldMs: number;
  /** The same question once more, models loaded. */
  warmMs: number;
  /** Longest task of the page's thread: before the question, until its answers, while it is answered again; 0: none over 50 ms. */
  startTaskMs: number;
  coldTaskMs: number;
  warmTaskMs: number;
}

interface Task {
  start: number;
  duration: number;
}

const LIMIT_MS = 180_000;

function argumentsOf(form: BrowserForm): string[] {
  const usual = testBrowserArguments();
  if (form === 'WebGPU on SwiftShader') return usual;
  return [...usual.filter((argument) => !argument.includes('webgpu')), '--disable-features=WebGPU'];
}

export async function timeFirstAnswer(url: string, form: BrowserForm): Promise<FirstAnswer> {
  const executablePath = findBrowser();
  const browser = await chromium.launch({
    args: argumentsOf(form),
    ...(executablePath !== undefined && { executablePath }),
  });
  try {
    const page = await browser.newPage();
    await page.addInitScript(() => {
      const tasks: Task[] = [];
      Reflect.set(window, 'longTasks', tasks);
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) tasks.push({ start: startTime, duration });
      }).observe({ type: 'longtask', buffered: true });
    });
    const answered = (system: 's3' | 'plain RAG'): Promise<void> =>
      page
        .getByRole('region', { name: `${system} answered` })
        .locator('.meta')
        .filter({ hasText: 'demo' })
        .waitFor({ timeout: LIMIT_MS });
    const pageClock = (): Promise<number> => page.evaluate(() => performance.now());
    const longest = (from: number, to = Infinity): Promise<number> =>
      page.evaluate(
        ([begin, end]) => {
          const tasks = Reflect.get(window, 'longTasks') as Task[];
          const within = tasks.filter(({ start }) => start >= begin && start < end);
          return Math.max(0, ...within.map((task) => task.duration));
        },
        [from, to] as const,
      );

    const scripts: Response[] = [];
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script') scripts.push(response);
    });
    const opened = performance.now();
    await page.goto(url);
    await page.locator('.examples button').first().waitFor();
    const before = [...scripts];
    const question = await pageClock();
    await page.locator('.examples button').first().click();
    await answered('s3');
    const coldMs = performance.now() - opened;
    await answered('plain RAG');
    const startTaskMs = await longest(0, question);
    const coldTaskMs = await longest(question);

    const again = await pageClock();
    const asked = performance.now();
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    // The former answer leaves the page first.
    await page
      .getByRole('region', { name: 's3 answered' })
      .waitFor({ state: 'detached', timeout: 5_000 })
      .catch(() => undefined);
    await answered('s3');
    const warmMs = performance.now() - asked;
    await answered('plain RAG');
    let scriptsKB = 0;
    for (const response of before) scriptsKB += gzipSync(await response.body(), { level: 9 }).length / 1000;
    return {
      browser: browser.version(),
      ...{ scriptsKB, coldMs, warmMs, startTaskMs, coldTaskMs },
      warmTaskMs: await longest(again),
    };
  } finally {
    await browser.close();
  }
}
