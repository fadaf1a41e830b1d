import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startOpenAiServer, type OpenAiServer } from '../../tests/servers/openai-server';
import { parsed, runCli } from '../testing/run-cli';

const passages = [
  { id: 'a', title: 'Heron House', text: 'Heron House stands on the River Arlor.' },
  { id: 'b', title: 'River Arlor', text: 'The River Arlor ends in Lake Tove.' },
];
const key = 'sk-test-0123456789';

let folder: string;
let server: OpenAiServer;
let reference: string;
const environment = { ...process.env };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-ask-'));
  await writeFile(join(folder, 'corpus.jsonl'), passages.map((p) => `${JSON.stringify(p)}\n`).join(''));
  process.env['S3_CACHE'] = join(folder, 'cache');
  process.env['S3_API_KEY'] = key;
  server = await startOpenAiServer({
    apiKey: key,
    respond: (messages) => {
      const prompt = messages.map(({ content }) => content).join('\n');
      if (!prompt.includes('<search_complete>')) return 'Lake Tove';
      return prompt.includes('"River Arlor"')
        ? '<important_info>[1]</important_info><search_complete>True</search_complete>'
        : '<search_complete>False</search_complete>\n<query>{"query": "River Arlor"}</query>';
    },
  });
  reference = `${server.baseUrl}#test-model`;
});
afterEach(async () => {
  await server.close();
  process.env = { ...environment };
  await rm(folder, { recursive: true, force: true });
});

const ask = (...args: string[]) =>
  runCli([
    'ask',
    ...args,
    '--corpus',
    join(folder, 'corpus.jsonl'),
    '--searcher',
    reference,
    '--generator',
    reference,
  ]);
const question = 'In which lake does the river at Heron House end?';

describe('asking over an endpoint', () => {
  it('prints the answer alone on standard output', async () => {
    const result = await ask(question);
    expect(result).toMatchObject({ code: 0, out: ['Lake Tove'] });
    expect(result.notes).toContain('Corpus corpus.jsonl, BM25');
  });

  it('prints the steps with --trace, and the trace file with --json', async () => {
    const steps = (await ask(question, '--trace')).out.join('\n');
    expect(steps).toMatch(/Turn 0: the question itself[\s\S]*Turn 1: "River Arlor"[\s\S]*Answer: Lake Tove/);
    const file = parsed(await ask(question, '--trace', '--json'));
    expect(file).toMatchObject({ format: 's3-web/trace', system: 's3', mode: 'paper' });
  });

  it('asks no searcher for naive RAG', async () => {
    expect((await ask(question, '--system', 'naive-rag')).out).toEqual(['Lake Tove']);
    expect(server.completions).toHaveLength(1);
  });

  it('numbers repeated ids of the corpus where that is wished', async () => {
    const twice = [...passages, { ...passages[0], text: 'Another house.' }];
    await writeFile(join(folder, 'corpus.jsonl'), twice.map((p) => `${JSON.stringify(p)}\n`).join(''));
    const refused = await ask(question);
    expect(refused.code).toBe(1);
    expect(refused.notes).toContain('--number-repeats');
    expect((await ask(question, '--number-repeats')).out).toEqual(['Lake Tove']);
  });

  it('measures both systems on questions with known answers', async () => {
    const file = join(folder, 'questions.jsonl');
    await writeFile(
      file,
      `${JSON.stringify({ id: 'q1', question, golden_answers: ['Lake Tove'], gold: ['a', 'b'], hops: 2 })}\n`,
    );
    const result = await ask('--questions', file, '--json');
    expect(parsed(result)).toMatchObject({
      systems: [
        { system: 's3', questions: 1, em: 1, accuracy: 1 },
        { system: 'naive-rag', questions: 1, em: 1, accuracy: 1, searches: 1 },
      ],
    });
  });

  it('measures the systems that are named, each with what it needs', async () => {
    const file = join(folder, 'questions.jsonl');
    await writeFile(file, `${JSON.stringify({ question, golden_answers: ['Lake Tove'], gold: ['a'] })}\n`);
    const result = await ask(
      '--questions',
      file,
      '--systems',
      'direct,naive-rag-bm25,search-r1-ret',
      '--json',
    );
    expect(parsed(result)).toMatchObject({
      systems: [
        { system: 'direct', em: 1, searches: 0, goldInContext: 0 },
        { system: 'naive-rag-bm25', em: 1, searches: 1, goldInContext: 1 },
        { system: 'search-r1-ret', em: 1 },
      ],
    });
  });

  it('refuses a system that there is not, and both options at once', async () => {
    expect(await ask(question, '--system', 'nothing')).toMatchObject({ code: 2 });
    expect(await ask(question, '--system', 's3', '--systems', 's3')).toMatchObject({ code: 2 });
  });

  it('says that the key is wrong without showing it', async () => {
    process.env['S3_API_KEY'] = 'sk-wrong-999';
    const { code, out, notes } = await ask(question, '--json');
    expect(code).toBe(1);
    expect(out.join('')).toContain('"code":"AUTH"');
    expect(notes).not.toContain('sk-wrong-999');
    expect(out.join('')).not.toContain('sk-wrong-999');
  });

  it('stops when it is told to', async () => {
    server.enqueue({ kind: 'stall', afterPieces: 1 });
    const controller = new AbortController();
    const args = [
      'ask',
      question,
      '--corpus',
      join(folder, 'corpus.jsonl'),
      '--searcher',
      reference,
      '--generator',
      reference,
    ];
    const running = runCli(args, controller.signal);
    while (server.completions.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    expect(await running).toMatchObject({ code: 1, notes: expect.stringContaining('Stopped.') as string });
  });
});

it('tells what a model reference may be when it leads nowhere', async () => {
  const { code, notes } = await runCli([
    ...['ask', question, '--corpus', join(folder, 'corpus.jsonl')],
    ...['--generator', join(folder, 'nowhere'), '--device', 'cpu'],
  ]);
  expect(code).toBe(1);
  expect(notes).toMatch(/NOT_FOUND[\s\S]*http\(s\):\/\//);
});
