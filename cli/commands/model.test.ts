import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goldensFolder, readJson } from '../../tests/goldens/read-tensors';
import { parsed, runCli } from '../testing/run-cli';

interface Greedy {
  max_new_tokens: number;
  cases: { prompt: number[]; continuation: number[] }[];
}

let folder: string;
let tokens: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-model-'));
  tokens = join(folder, 'tokens.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (sequences: unknown) => writeFile(tokens, JSON.stringify({ input_ids: sequences }));
const model = join(goldensFolder, 'qwen2-tiny');

describe('model generate and model score', () => {
  it('continue the golden prompts as the reference does', async () => {
    const { cases, max_new_tokens } = (await readJson('qwen2-tiny', 'greedy.json')) as Greedy;
    await write(cases.map(({ prompt }) => prompt));
    const args = ['model', 'generate', model, '--tokens', tokens, '--max-tokens', String(max_new_tokens)];
    const result = await runCli([...args, '--device', 'cpu']);
    expect(parsed(result)).toEqual({ output_ids: cases.map(({ continuation }) => continuation) });
    expect(result.notes).toContain('Models run on the CPU: it was chosen.');
  }, 60_000);

  it('give one log-probability to every token after the first', async () => {
    await write([[5], [1, 2, 3, 4]]);
    const { logprobs } = parsed(
      await runCli(['model', 'score', model, '--tokens', tokens, '--device', 'cpu']),
    );
    const rows = logprobs as number[][];
    expect(rows.map((row) => row.length)).toEqual([0, 3]);
    expect(rows.flat().every((x) => x < 0)).toBe(true);
  });

  it.each([
    ['token ids beyond the vocabulary', [[1, 1e9]], 'BAD_INPUT'],
    ['negative ids', [[-1]], 'holds no token ids'],
    ['an empty sequence', [[]], 'holds no token ids'],
  ])('refuse %s', async (_what, sequences, reason) => {
    await write(sequences);
    const { code, notes } = await runCli(['model', 'score', model, '--tokens', tokens, '--device', 'cpu']);
    expect(code).toBe(1);
    expect(notes).toContain(reason);
  });
});

it('model list checks every file against the registry', async () => {
  const { code, out } = await runCli(['model', 'list']);
  expect(code).toBe(0);
  expect(out.join('\n')).toMatch(/^demo .*\n?.*demo-encoder/s);
});
