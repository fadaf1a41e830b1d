import type { Page } from '@playwright/test';

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds: by the clock, and what the thread really computed. */
  dur?: number;
  tdur?: number;
}

export interface MainThreadReport {
  /** Longest task by the clock, milliseconds: what a user waits, other programs of the machine included. */
  longestMs: number;
  /** Longest task by computing time, milliseconds: what the page itself does. */
  longestComputingMs: number;
  tasks: number;
}

const MARK = 'the watched page';
const TASK = /^(ThreadControllerImpl::)?RunTask$/;

/** What the page's thread did while `work` ran, from the browser's own tracing. */
export async function traceMainThread(page: Page, work: () => Promise<void>): Promise<MainThreadReport> {
  const browser = page.context().browser();
  if (!browser) throw new Error('The page belongs to no browser.');
  await browser.startTracing(undefined, { categories: ['toplevel', 'blink.user_timing'] });
  let buffer: Buffer;
  try {
    // The browser has pages of its own, whose threads are named alike.
    await page.evaluate((mark) => performance.mark(mark), MARK);
    await work();
  } finally {
    buffer = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(buffer.toString()) as { traceEvents: TraceEvent[] };
  const own = traceEvents.find(({ name }) => name === MARK);
  const tasks = traceEvents.filter(
    ({ ph, name, pid, tid }) => ph === 'X' && TASK.test(name) && pid === own?.pid && tid === own.tid,
  );
  const longest = (of: (event: TraceEvent) => number | undefined): number =>
    Math.max(0, ...tasks.map((event) => of(event) ?? 0)) / 1000;
  return {
    longestMs: longest(({ dur }) => dur),
    longestComputingMs: longest(({ tdur }) => tdur),
    tasks: tasks.length,
  };
}
