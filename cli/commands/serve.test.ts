import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../folders';
import { runCli } from '../testing/run-cli';

let folder: string;
let corpus: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-serve-'));
  corpus = join(folder, 'corpus.jsonl');
  const row = { id: 'a', title: 'River Arlor', text: 'The River Arlor ends in Lake Tove.' };
  await writeFile(corpus, `${JSON.stringify(row)}\n`);
});
afterEach(async () => {
  child?.kill('SIGKILL');
  child = undefined;
  await rm(folder, { recursive: true, force: true });
});

interface Running {
  url: string;
  process: ChildProcess;
  notes: () => string;
}

/** A process of its own, as a user starts it. */
async function start(...args: string[]): Promise<Running> {
  const words = ['--import', 'tsx', 'cli/s3.ts', 'serve', '--port', '0', '--device', 'cpu', '--json'];
  const started = spawn(process.execPath, [...words, '--corpus', corpus, ...args], {
    cwd: projectRoot,
    env: { ...process.env, S3_CACHE: join(folder, 'cache'), S3_SERVE_KEY: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  let notes = '';
  started.stderr.on('data', (text: Buffer) => (notes += text.toString()));
  const exited = once(started, 'exit').then(() => Promise.reject(new Error(`It ended: ${notes}`)));
  const [line] = (await Promise.race([once(createInterface(started.stdout), 'line'), exited])) as [string];
  exited.catch(() => undefined);
  const { url } = JSON.parse(line) as { url: string };
  return { url, process: started, notes: () => notes };
}

describe('s3 serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'answers over HTTP until %s, and ends well',
    async (signal) => {
      const { url, process: started, notes } = await start('--name', 'searcher');
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      const ask = (path: string, body: unknown): Promise<unknown> =>
        fetch(url + path, { method: 'POST', body: JSON.stringify(body) }).then((r) => r.json());
      const request = { model: 'searcher', prompt: 'The River', max_tokens: 3, temperature: 0 };
      expect(await ask('/v1/completions', request)).toMatchObject({
        choices: [{ text: expect.any(String) as string, finish_reason: 'length' }],
      });
      expect(await ask('/retrieve', { queries: ['Arlor'], topk: 1, return_scores: true })).toMatchObject({
        result: [[{ document: { id: 'a', contents: '"River Arlor"\nThe River Arlor ends in Lake Tove.' } }]],
      });
      const exit = once(started, 'exit');
      started.kill(signal);
      expect(await exit).toEqual([0, null]);
      expect(notes()).toContain('POST /retrieve 200');
      await expect(fetch(`${url}/health`)).rejects.toThrow();
    },
    60_000,
  );

  it('serves a retriever alone, with a key', async () => {
    const { url } = await start('--model', 'none', '--api-key', 'sk-serve');
    const status = async (path: string, headers = {}): Promise<number> =>
      (await fetch(url + path, { headers })).status;
    expect(await status('/health')).toBe(200);
    expect(await status('/v1/models')).toBe(401);
    expect(await status('/v1/models', { authorization: 'Bearer sk-serve' })).toBe(404);
  }, 60_000);

  it.each([
    ['other machines without a key', ['--host', '0.0.0.0'], 'wants a key'],
    ['every page without a key', ['--cors', '*'], 'wants a key'],
    ['an origin with a path', ['--cors', 'http://127.0.0.1/x'], 'takes an origin'],
    ['a port beyond the last', ['--port', '70000'], '65535'],
    ['a key that no header can carry', ['--api-key', 'a b'], 'header'],
    ['nothing at all', ['--model', 'none', '--corpus', 'none'], 'nothing to serve'],
  ])('refuses to serve %s', async (_what, args, reason) => {
    const { code, notes } = await runCli(['serve', ...args]);
    expect(code).toBe(2);
    expect(notes).toContain(reason);
  });

  it('says that an endpoint needs no server of ours', async () => {
    const args = ['serve', '--corpus', 'none', '--model', 'http://127.0.0.1:9/v1#x'];
    expect(await runCli(args)).toMatchObject({
      code: 1,
      notes: expect.stringContaining('endpoint') as string,
    });
  });
});
