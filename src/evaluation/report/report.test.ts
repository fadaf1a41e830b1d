import { describe, expect, it } from 'vitest';
import {
  knowingModel,
  numberedQuestions,
  scriptedEvaluations,
  textFile,
} from '../testing/scripted-laboratory';
import { pairedTest } from '../significance';
import { pairedDifference } from './large-samples';
import { accuracyAgainstTokens, accuracyByHops } from './series';

async function finished() {
  const rag = knowingModel((number) =>
    Number(number) % 2 === 0 ? `the answer ${number} of all` : 'no idea',
  );
  const { evaluations } = scriptedEvaluations({
    sources: {
      a: [textFile('a.jsonl', numberedQuestions(12))],
      b: [textFile('b.jsonl', numberedQuestions(6))],
    },
    models: { rag },
  });
  const { id } = await evaluations.create({
    name: 'Try | it',
    systems: ['s3', { system: 'naive-rag', label: 'rag & co_1', generator: 'rag' }],
    datasets: ['a', 'b'],
    prices: { prompt: 2, completion: 10 },
  });
  await evaluations.start(id);
  return { evaluations, id };
}

describe('a report', () => {
  it('has means, intervals, tests, tokens and cost per set and over all sets', async () => {
    const { evaluations, id } = await finished();
    const table = await evaluations.report(id);
    const [s3, rag] = table.rows;
    expect(s3).toMatchObject({
      system: 's3',
      overall: { ok: 18, failed: 0, pending: 0, turns: 1, searches: 1 },
    });
    expect(s3?.overall.metrics.em).toMatchObject({ mean: 1, low: 1, high: 1 });
    expect(rag?.datasets['a']?.metrics).toMatchObject({ accuracy: { mean: 0.5 }, em: { mean: 0 } });
    expect(rag?.overall.metrics.accuracy?.mean).toBeCloseTo(0.5, 12);
    expect(rag?.overall.metrics.accuracy?.low).toBeLessThan(0.5);
    // 100 tokens read and 5 written by each call of the scripted model.
    expect(rag?.overall).toMatchObject({
      tokens: 18 * 105,
      contextTokens: { p50: expect.any(Number) as number },
    });
    expect(rag?.overall.cost).toBeCloseTo((18 * (100 * 2 + 5 * 10)) / 1e6, 12);
    const test = table.comparisons.find((one) => one.dataset === 'a' && one.metric === 'accuracy');
    expect(test).toMatchObject({ system: 's3', questions: 12, wins: 6, losses: 0, ties: 6, difference: 0.5 });
    expect(test?.p).toBeCloseTo(2 / 2 ** 6, 12);
  });

  it('is written as CSV, JSON, Markdown and LaTeX, the best in bold, marks of each escaped', async () => {
    const { evaluations, id } = await finished();
    const text = async (format: 'csv' | 'json' | 'markdown' | 'latex') =>
      (await evaluations.export(id, format))[0]!;
    const csv = await text('csv');
    expect(csv.name).toBe('Try-it.csv');
    expect(csv.text.split('\r\n')).toHaveLength(2 * 3 + 2);
    expect(csv.text).toMatch(
      /^system,title,searcher,generator,dataset,ok,failed,pending,accuracy,accuracy_low/,
    );
    expect(JSON.parse((await text('json')).text)).toMatchObject({
      format: 's3-web/evaluation-report',
      rows: [{}, {}],
    });
    const markdown = (await text('markdown')).text;
    expect(markdown).toContain('| s3 | **100.0 [100.0, 100.0] (100.0)** |');
    expect(markdown).toContain('| s3 | +50.0 [');
    const latex = (await text('latex')).text;
    expect(latex).toContain('s3 & \\textbf{100.0} (100.0)');
    expect(latex).toContain('rag \\& co\\_1 & 50.0 (0.0)');
  });

  it('has series by hops and against tokens', async () => {
    const { evaluations, id } = await finished();
    const results = (await evaluations.results(id)).map(({ result }) => result);
    const [s3] = accuracyByHops(['s3'], await evaluations.questions(id), results);
    expect(s3?.points.map(({ hops, questions }) => [hops, questions])).toEqual([[1, 6], [2, 6], [3, 6]]); // prettier-ignore
    const points = accuracyAgainstTokens(await evaluations.report(id), results);
    expect(points.map(({ system }) => system)).toEqual(['s3', 'rag & co_1']);
    expect(points[0]?.tokens).toBeGreaterThan(0);
  });

  it('tests thousands of questions as resampling would', () => {
    const scores = (period: number) => Array.from({ length: 1200 }, (_, i) => (i % period === 0 ? 1 : 0));
    const [a, b] = [scores(9), scores(10)];
    const [quick, slow] = [pairedDifference(a, b), pairedTest(a, b, { draws: 4000 })];
    expect(quick).toMatchObject({
      difference: slow.difference,
      wins: slow.wins,
      losses: slow.losses,
      ties: slow.ties,
    });
    expect(Math.abs(quick.p - slow.p)).toBeLessThan(0.04);
    expect(Math.abs(quick.low - slow.low)).toBeLessThan(0.005);
  });
});

describe('an exported evaluation', () => {
  it('as an archive comes back with results, traces and the same table, and cannot be run', async () => {
    const { evaluations, id } = await finished();
    const [archive] = await evaluations.export(id, 'archive');
    const { id: copy } = await evaluations.import('Copy', [archive!]);
    const [before, after] = [await evaluations.report(id), await evaluations.report(copy)];
    expect(after.rows).toEqual(before.rows);
    expect(after.comparisons).toEqual(before.comparisons);
    const [first] = await evaluations.results(copy);
    expect(await evaluations.trace(copy, first!.result)).toEqual(await evaluations.trace(id, first!.result));
    await expect(evaluations.start(copy)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect((await evaluations.export(copy, 'archive'))[0]?.text.split('\n').slice(1)).toEqual(
      archive?.text.split('\n').slice(1),
    );
  });

  it("in the original's files gives the same files again after they were read", async () => {
    const { evaluations, id } = await finished();
    const label = 'rag & co_1';
    const [results] = await evaluations.export(id, 'results', label);
    const sequences = await evaluations.export(id, 'output-sequences', label);
    expect(sequences.map(({ name }) => name)).toEqual(['a_output_sequences.json', 'b_output_sequences.json']);
    expect((await evaluations.export(id, 'rag-cache', label))[0]).toEqual({
      name: 'rag_cache.json',
      text: results?.text,
    });
    const copy = await evaluations.import('', [results!, ...sequences]);
    expect(copy).toMatchObject({ status: 'finished', ok: 18, datasets: [{ name: 'a' }, { name: 'b' }] });
    expect((await evaluations.export(copy.id, 'results'))[0]?.text).toBe(results?.text);
    const stats = async (of: string, system?: string) =>
      (await evaluations.export(of, 'stats', system))[0]?.text;
    expect(await stats(copy.id)).toBe(await stats(id, label));
    const [listed] = await evaluations.results(copy.id);
    expect(listed?.question.goldAnswers).toEqual(['answer 0']);
    expect((await evaluations.trace(copy.id, listed!.result))?.events).toMatchObject([
      {},
      { type: 'context' },
    ]);
    await expect(evaluations.export(id, 'rag-cache', 's3')).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(evaluations.import('', sequences)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });
});
