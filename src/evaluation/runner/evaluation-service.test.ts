import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedModel } from '../../agent/testing/scripted';
import { openEvaluationFolder, type EvaluationFolder } from '../../platform/storage/evaluation-folder';
import { AppError } from '../../protocol/errors';
import type { LanguageModel } from '../../protocol/language-model';
import { resultKeyText, type EvaluationEvent } from '../evaluation-types';
import { randomStream } from '../significance';
import {
  knowingModel,
  numberedQuestions,
  scriptedEvaluations,
  scriptedLaboratory,
  textFile,
} from '../testing/scripted-laboratory';

const sources = (count: number) => ({ 'q.jsonl': [textFile('q.jsonl', numberedQuestions(count))] });
const config = { systems: ['s3', 'naive-rag'], datasets: ['q.jsonl'] };

let scratch = '';
beforeAll(async () => (scratch = await mkdtemp(join(tmpdir(), 's3-runner-'))));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Fails with `error` while `failing` says so. */
const faulty = (
  model: LanguageModel,
  failing: (question: string) => AppError | undefined,
): LanguageModel => ({
  id: model.id,
  countTokens: (texts) => model.countTokens(texts),
  async *generate(request, signal) {
    const error = failing(request.messages?.at(-1)?.content ?? '');
    if (error) throw error;
    yield* model.generate(request, signal);
  },
});

describe('an evaluation', () => {
  it('runs every system on every question for every seed and scores the answers', async () => {
    const { evaluations } = scriptedEvaluations({ sources: sources(4) });
    const { id, planned } = await evaluations.create({ ...config, seeds: [1, 2] });
    expect(planned).toBe(16);
    expect(await evaluations.start(id)).toMatchObject({ status: 'finished', ok: 16, failed: 0 });
    const results = await evaluations.results(id);
    expect(results).toHaveLength(16);
    expect(results[0]?.result).toMatchObject({
      system: 's3',
      status: 'ok',
      answer: 'answer 0',
      searches: 1,
      turns: 1,
      calls: 2,
      metrics: {
        accuracy: 1,
        em: 1,
        f1: 1,
        span: 1,
        retrieval: { recall: 1, mrr: 1, allGold: 1, inContext: 1 },
      },
    });
    expect((await evaluations.trace(id, results[0]!.result))?.events.at(0)).toMatchObject({
      type: 'question',
      question: 'Which is number 0?',
    });
  });

  it('stopped and started again runs only what is left', async () => {
    const { evaluations } = scriptedEvaluations({ sources: sources(30) });
    const { id } = await evaluations.create(config);
    const running = evaluations.start(id);
    for await (const event of evaluations.watch(id)) if (event.type === 'result') break;
    const stopped = await evaluations.stop(id);
    expect(await running).toEqual(stopped);
    expect(stopped.status).toBe('stopped');
    expect(stopped.ok).toBeGreaterThan(0);
    expect(stopped.ok).toBeLessThan(60);
    expect(await evaluations.start(id)).toMatchObject({ status: 'finished', ok: 60 });
    expect((await evaluations.results(id)).every(({ result }) => result.attempt === 1)).toBe(true);
  });

  it('keeps failures as failures, leaves them out of the means, and runs them again on request alone', async () => {
    let broken = true;
    const fault = () =>
      broken ? new AppError('CONTEXT_TOO_LONG', 'Too long.', { fix: 'Shorten it.' }) : undefined;
    const demo = faulty(knowingModel(), (text) => (/number (1|4)\?/.test(text) ? fault() : undefined));
    const { evaluations } = scriptedEvaluations({ sources: sources(6), models: { demo } });
    const { id } = await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'] });
    expect(await evaluations.start(id)).toMatchObject({ status: 'finished', ok: 4, failed: 2 });
    const cell = (await evaluations.report(id)).rows[0]!.overall;
    expect(cell).toMatchObject({ ok: 4, failed: 2, pending: 0 });
    expect(cell.metrics.accuracy?.mean).toBe(1);
    expect((await evaluations.results(id, { status: 'failed' })).map(({ result }) => result)).toMatchObject([
      { questionId: 'q1', status: 'failed', error: { code: 'CONTEXT_TOO_LONG' } },
      { questionId: 'q4', status: 'failed' },
    ]);
    expect(await evaluations.start(id)).toMatchObject({ ok: 4, failed: 2 });
    broken = false;
    expect(await evaluations.retryFailed(id)).toMatchObject({ status: 'finished', ok: 6, failed: 0 });
    const again = await evaluations.results(id);
    expect(again.map(({ result }) => result.attempt)).toEqual([1, 2, 1, 1, 2, 1]);
  });

  it('tries again what may pass, a few times', async () => {
    let failures = 0;
    const demo = faulty(knowingModel(), () =>
      failures++ % 3 === 2
        ? undefined
        : new AppError('NETWORK', 'Gone.', { fix: 'Wait.', recoverable: true }),
    );
    const { evaluations } = scriptedEvaluations({ sources: sources(5), models: { demo } });
    const limits = { concurrency: 1, attempts: 3 };
    const { id } = await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'], limits });
    expect(await evaluations.start(id)).toMatchObject({ ok: 5, failed: 0 });
    expect(failures).toBe(15);
  });

  it('counts a question whose search failed as failed, not as wrong', async () => {
    const laboratory = scriptedLaboratory({ sources: sources(2) });
    const down = {
      search: () => Promise.reject(new AppError('NETWORK', 'The retriever is gone.', { fix: 'Start it.' })),
    };
    const { evaluations } = scriptedEvaluations({
      laboratory: {
        ...laboratory,
        openRetrievers: () => Promise.resolve({ name: 'x', mode: 'dense', retriever: down }),
      },
    });
    const { id } = await evaluations.create({ systems: ['s3'], datasets: ['q.jsonl'] });
    expect(await evaluations.start(id)).toMatchObject({ ok: 0, failed: 2 });
    const report = await evaluations.report(id);
    expect(report.rows[0]?.overall.metrics.accuracy).toBeUndefined();
  });

  it('gives up when everything fails for one reason, and says which', async () => {
    const demo = faulty(
      knowingModel(),
      () => new AppError('AUTH', 'The key is wrong.', { fix: 'Enter the key.' }),
    );
    const { evaluations } = scriptedEvaluations({ sources: sources(200), models: { demo } });
    const { id } = await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'] });
    const record = await evaluations.start(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'AUTH' } });
    expect(record.error?.message).toContain('The key is wrong.');
    expect(record.failed).toBeLessThan(20);
  });

  it('fails a question that takes too long, and goes on', async () => {
    const demo = new ScriptedModel(
      (request) => (request.messages?.at(-1)?.content.includes('number 1?') ? 'slow answer' : 'answer 0'),
      'demo',
      async (call) => {
        if (call === 1) await new Promise((resolve) => setTimeout(resolve, 300));
      },
    );
    const clock = {
      now: () => performance.now(),
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          const timer = setTimeout(resolve, ms / 20);
          signal?.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(new AppError('ABORTED', 'Stopped.'));
          });
        }),
    };
    const { evaluations } = scriptedEvaluations({ sources: sources(3), models: { demo }, clock });
    const limits = { concurrency: 1, questionSeconds: 1 };
    const { id } = await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'], limits });
    expect(await evaluations.start(id)).toMatchObject({ status: 'finished', ok: 2, failed: 1 });
    const [failed] = await evaluations.results(id, { status: 'failed' });
    expect(failed?.result).toMatchObject({ questionId: 'q1', error: { code: 'TIMEOUT' } });
  });

  it('watched from the beginning tells loading, progress with what is left, every result, and its end', async () => {
    const { evaluations } = scriptedEvaluations({ sources: sources(5) });
    const { id } = await evaluations.create(config);
    const events: EvaluationEvent[] = [];
    const watching = (async () => {
      for await (const event of evaluations.watch(id)) {
        events.push(event);
        if (event.type === 'status' && event.record.status === 'finished') break;
      }
    })();
    await evaluations.start(id);
    await watching;
    expect(events[0]).toMatchObject({ type: 'status', record: { status: 'ready' } });
    expect(events.filter(({ type }) => type === 'result')).toHaveLength(10);
    expect(events.some(({ type }) => type === 'loading')).toBe(true);
    const last = events.findLast((event) => event.type === 'progress');
    expect(last).toMatchObject({
      progress: { planned: 10, ok: 10, running: [], bySystem: { s3: { accuracy: 1 } } },
    });
  });

  it('does not run twice at once, neither here nor elsewhere', async () => {
    const { evaluations, store } = scriptedEvaluations({ sources: sources(10) });
    const elsewhere = scriptedEvaluations({ sources: sources(10), store });
    const { id } = await evaluations.create(config);
    const first = evaluations.start(id);
    for await (const event of evaluations.watch(id)) if (event.type === 'result') break;
    await expect(elsewhere.evaluations.start(id)).rejects.toMatchObject({ code: 'BUSY' });
    expect(await evaluations.start(id)).toEqual(await first);
    expect(await store.results(id)).toHaveLength(20);
  });

  it('waits for another of the same place: the second start says which one is under way', async () => {
    const { evaluations } = scriptedEvaluations({ sources: sources(10) });
    const first = await evaluations.create({ ...config, name: 'First' });
    const second = await evaluations.create({ ...config, name: 'Second' });
    const running = evaluations.start(first.id);
    await expect(evaluations.start(second.id)).rejects.toMatchObject({
      code: 'BUSY',
      message: '“First” is under way here.',
    });
    expect(await running).toMatchObject({ status: 'finished' });
    expect(await evaluations.get(second.id)).toMatchObject({ status: 'ready', ok: 0 });
    expect(await evaluations.start(second.id)).toMatchObject({ status: 'finished', ok: 20 });
  });

  it('filters: s3 right and RAG wrong, by hops, by words', async () => {
    const demo = new ScriptedModel((request) => {
      const all = request.messages?.map(({ content }) => content).join('\n') ?? '';
      if (all.includes('<question>')) return '<search_complete>True</search_complete>';
      const number = /Which is number (\d+)\?/.exec(all)?.[1] ?? '';
      return `answer ${number}`;
    });
    const rag = knowingModel((number) => (Number(number) % 2 === 0 ? `answer ${number}` : 'no idea'));
    const { evaluations } = scriptedEvaluations({ sources: sources(6), models: { demo, rag } });
    const systems = ['s3', { system: 'naive-rag', generator: 'rag' }];
    const { id } = await evaluations.create({ systems, datasets: ['q.jsonl'] });
    await evaluations.start(id);
    const contrast = await evaluations.results(id, { rightWrong: { right: 's3', wrong: 'naive-rag' } });
    expect(contrast.map(({ result }) => [result.system, result.questionId])).toEqual([
      ['s3', 'q1'],
      ['naive-rag', 'q1'],
      ['s3', 'q3'],
      ['naive-rag', 'q3'],
      ['s3', 'q5'],
      ['naive-rag', 'q5'],
    ]);
    expect(await evaluations.results(id, { hops: 2, systems: ['s3'] })).toHaveLength(2);
    expect(await evaluations.results(id, { text: 'NUMBER 4' })).toHaveLength(2);
  });
});

describe('200 questions interrupted at 20 random points', () => {
  it('lose nothing and run nothing twice, with a new process after each', async () => {
    const folder = join(scratch, 'interrupted');
    const random = randomStream(7);
    const stops = Array.from({ length: 20 }, () => 1 + Math.floor(random() * 12));
    // Every question that any process began to answer, and how often an answer was written for it.
    const answered = new Map<string, number>();
    const kept = new Set<string>();
    let id = '';
    for (const [round, stopAfter] of [...stops, Infinity].entries()) {
      const store = openEvaluationFolder(folder);
      const clock = { now: () => performance.now(), sleep: () => Promise.resolve() };
      const { evaluations } = scriptedEvaluations({ sources: sources(200), store, clock });
      const limits = { concurrency: 5 };
      if (round === 0)
        id = (await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'], limits })).id;
      const before = (await store.results(id)).map(({ key }) => key);
      // What an earlier process had stored is there.
      for (const key of kept) expect(before).toContain(key);
      let count = 0;
      const stopping = new AbortController();
      const watching = (async () => {
        for await (const event of evaluations.watch(id, stopping.signal)) {
          if (event.type !== 'result') continue;
          const key = resultKeyText(event.result);
          answered.set(key, (answered.get(key) ?? 0) + 1);
          kept.add(key);
          if (++count === stopAfter) void evaluations.stop(id);
        }
      })();
      await evaluations.start(id);
      // The watcher has everything that was emitted.
      await new Promise((resolve) => setTimeout(resolve, 0));
      stopping.abort();
      await watching;
      await store.close();
    }
    const store = openEvaluationFolder(folder);
    const results = await store.results(id);
    await store.close();
    expect(results).toHaveLength(200);
    expect(new Set(results.map(({ key }) => key)).size).toBe(200);
    expect([...answered.values()].every((times) => times === 1)).toBe(true);
    const last = scriptedEvaluations({ store: openEvaluationFolder(folder) }).evaluations;
    expect(await last.get(id)).toMatchObject({ status: 'finished', ok: 200, failed: 0 });
  }, 120_000);

  it('lose nothing that was kept and keep nothing twice where the process dies at such points, in the middle of a line', async () => {
    const folder = join(scratch, 'killed');
    const random = randomStream(11);
    const deaths = Array.from({ length: 20 }, () => 1 + Math.floor(random() * 8));
    const kept = new Set<string>();
    const asked: string[] = [];
    const clock = { now: () => performance.now(), sleep: () => Promise.resolve() };
    const demo = faulty(knowingModel(), (text) => void asked.push(/number \d+/.exec(text)?.[0] ?? ''));
    let id = '';
    for (const [round, dieAfter] of [...deaths, Infinity].entries()) {
      const files = openEvaluationFolder(folder);
      const { store, died } = dying(files, dieAfter, kept);
      const { evaluations } = scriptedEvaluations({ sources: sources(200), models: { demo }, store, clock });
      const limits = { concurrency: 5 };
      if (round === 0)
        id = (await evaluations.create({ systems: ['naive-rag'], datasets: ['q.jsonl'], limits })).id;
      const before = (await files.results(id)).map(({ key }) => key);
      for (const key of kept) expect(before).toContain(key);
      await Promise.race([evaluations.start(id), died]);
      await files.close();
      if (dieAfter === Infinity) break;
      // What a process leaves that dies while it writes: its lock, a record that says "running", half lines.
      await appendFile(join(folder, id, 'traces.jsonl'), '{"format":"s3-web/tr');
      await appendFile(join(folder, id, 'results.jsonl'), '{"key":"[\\"naive');
      await writeFile(join(folder, id, 'running.pid'), '999999999');
    }
    const files = openEvaluationFolder(folder);
    const keys = (await files.results(id)).map(({ key }) => key);
    await files.close();
    expect(keys).toHaveLength(200);
    expect(new Set(keys).size).toBe(200);
    expect(kept.size).toBeGreaterThan(20);
    // Only what was under way at a death was asked again.
    expect(asked.length).toBeLessThanOrEqual(200 + 20 * 5);
  }, 120_000);
});

/** A store whose process dies behind so many results: nothing that it is asked for comes back any more. */
function dying(files: EvaluationFolder, dieAfter: number, kept: Set<string>) {
  let left = dieAfter;
  let die = (): void => undefined;
  const died = new Promise<void>((resolve) => (die = resolve));
  const never = new Promise<never>(() => undefined);
  const store = new Proxy(files, {
    get(target, name: keyof EvaluationFolder) {
      const method = target[name] as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]): Promise<unknown> => {
        if (left <= 0) return never;
        const result = await method(...given);
        // Its time may have come meanwhile.
        if (left <= 0) return never;
        if (name !== 'append') return result;
        kept.add((given[1] as { key: string }).key);
        if (--left > 0) return result;
        die();
        return never;
      };
    },
  });
  return { store, died };
}
