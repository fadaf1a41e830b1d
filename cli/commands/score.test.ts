import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsed, runCli } from '../testing/run-cli';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-score-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe('s3 score', () => {
  it('prints EM, F1, accuracy and the number of questions, and a line each where asked', async () => {
    const predictions = await file('p.jsonl', '{"id":"1","prediction":"The cat sat"}\n{"id":"2","prediction":"x"}\n');
    const gold = await file('g.jsonl', '{"id":"1","golden_answers":["cat sat down"]}\n{"id":"2","golden_answers":["x","y"]}\n');
    const scores = parsed(await runCli(['score', predictions, gold, '--json']));
    expect(scores).toMatchObject({ em: 0.5, f1: 0.9, acc: 0.5, n: 2 });
    const { out } = await runCli(['score', predictions, gold, '--each']);
    expect(out).toHaveLength(3);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ id: '1', em: 0, f1: 0.8 });
    expect((await runCli(['score', predictions, gold])).out).toContain('EM        0.5000');
  }); // prettier-ignore

  it('says what has no prediction', async () => {
    const predictions = await file('p.jsonl', '{"id":"1","prediction":"x"}\n');
    const gold = await file(
      'g.jsonl',
      '{"id":"1","golden_answers":["x"]}\n{"id":"2","golden_answers":["y"]}\n',
    );
    expect((await runCli(['score', predictions, gold])).notes).toContain('1 of 2 have no prediction');
    const other = await file('o.jsonl', '{"id":"9","golden_answers":["x"]}\n');
    expect(await runCli(['score', predictions, other])).toMatchObject({ code: 1 });
  });

  it("prints a run's measures as trec_eval does", async () => {
    const run = await file('run.txt', 'q1 Q0 d3 1 0.9 t\nq1 Q0 d2 2 0.8 t\nq1 Q0 d1 3 0.7 t\n');
    const qrels = await file('qrels.txt', 'q1 0 d1 1\nq1 0 d3 2\nq1 0 d5 1\nq2 0 d1 1\n');
    const { out, notes } = await runCli(['score', '--trec', run, qrels]);
    expect(out).toContain('map                   \tall\t0.5556');
    expect(out).toContain('ndcg_cut_10           \tall\t0.7985');
    expect(out).toContain('num_q                 \tall\t1');
    expect(notes).toContain('1 judged queries are not in the run');
    const complete = parsed(await runCli(['score', '--trec', run, qrels, '--complete', '--json']));
    expect(complete).toMatchObject({ num_q: 2, recip_rank: 0.5 });
  });

  it('names a file that is not there, and a wrong use', async () => {
    expect((await runCli(['score', join(folder, 'a'), join(folder, 'b')])).notes).toContain('cannot be read');
    expect(await runCli(['score', 'only-one'])).toMatchObject({ code: 2 });
  });
});
