import { describe, expect, it } from 'vitest';
import { AppError } from '../src/protocol/errors';
import { defineCommand, wholeNumber } from './command';
import { commands } from './commands';
import { main } from './main';
import { parsed, runCli } from './testing/run-cli';

describe('the command line', () => {
  it('lists the commands, as a mistake when nothing was asked for', async () => {
    const asked = await runCli(['--help']);
    const bare = await runCli([]);
    expect(asked.code).toBe(0);
    expect(bare.code).toBe(2);
    for (const { name, summary } of commands)
      expect(asked.out.join('\n')).toContain(`${name.padEnd(14)}  ${summary}`);
    expect(bare.out).toEqual(asked.out);
  });

  it.each(commands.map(({ name }) => name))('explains the options of %s', async (name) => {
    const { code, out } = await runCli([...name.split(' '), '--help']);
    expect(code).toBe(0);
    expect(out.join('\n')).toMatch(/--json +print JSON/);
  });

  it.each([
    ['an unknown command', ['fetch'], 'There is no command "fetch"'],
    ['half a command', ['index'], 's3 index build'],
    ['an unknown option', ['ask', 'Who?', '--speed', '9'], '--speed'],
    ['an argument too few', ['index', 'build'], 'takes CORPUS'],
    ['an argument too many', ['model', 'score', 'a', 'b'], 'takes M'],
    ['a missing option', ['index', 'build', 'corpus.jsonl'], 'needs --out'],
    ['a word for a number', ['ask', 'Who?', '--seed', 'x'], '--seed is "x"'],
    ['a word outside the choice', ['ask', 'Who?', '--system', 'bing'], 's3 or s3-no-selection'],
    ['a question and a split', ['ask', 'Who?', '--split', 'dev'], 'either a question'],
    ['neither', ['ask'], 'either a question'],
  ])('answers %s with exit code 2 and the reason', async (_what, args, reason) => {
    const { code, out, notes } = await runCli(args);
    expect(code).toBe(2);
    expect(out).toEqual([]);
    expect(notes).toContain(reason);
  });
});

describe('a command that fails', () => {
  const failing = (error: Error) =>
    defineCommand({
      name: 'fail',
      positionals: '',
      count: [0, 0],
      summary: 'Fails.',
      options: { often: { type: 'string', help: 'how often' } },
      run(values) {
        wholeNumber('often', values.often, 1, 1);
        return Promise.reject(error);
      },
    });
  const run = async (error: Error, args: string[] = []) => {
    const out: string[] = [];
    const notes: string[] = [];
    const console = {
      out: (line: string) => out.push(line),
      note: (line: string) => notes.push(line),
      signal: new AbortController().signal,
    };
    const code = await main([failing(error)], ['fail', ...args], console);
    return { code, out, notes: notes.join('\n') };
  };

  it('tells what happened and what to do, with exit code 1', async () => {
    const result = await run(new AppError('NOT_FOUND', 'There is no corpus.', { fix: 'Give one.' }));
    expect(result).toEqual({ code: 1, out: [], notes: 'NOT_FOUND: There is no corpus.\nGive one.' });
  });

  it('prints the error as JSON where JSON was asked for', async () => {
    const result = await run(new AppError('NOT_FOUND', 'There is no corpus.', { fix: 'Give one.' }), [
      '--json',
    ]);
    expect(parsed({ ...result, code: 1 })).toEqual({
      error: { code: 'NOT_FOUND', message: 'There is no corpus.', fix: 'Give one.', recoverable: false },
    });
  });

  it('says no more than that it stopped after Ctrl-C', async () => {
    expect(await run(new AppError('ABORTED', 'Stopped.'))).toEqual({ code: 1, out: [], notes: 'Stopped.' });
  });

  it('shows where an unexpected error comes from', async () => {
    const { notes } = await run(new TypeError('boom'));
    expect(notes).toContain('boom');
    expect(notes).toContain('main.test.ts');
  });
});
