import { describe, expect, it, vi } from 'vitest';
import { AppError, toEnvelope, type ErrorCode } from '../protocol/errors';
import type { TraceEvent } from '../protocol/trace';
import { AskRun } from './ask.svelte';
import type { Lane } from './lanes';
import { createScriptedLaboratory } from './scripted-laboratory';
import { DEFAULT_SETTINGS, ENDPOINT } from './settings';

const at = { turn: 0, atMs: 0 };
const question: TraceEvent = { type: 'question', ...at, question: 'Who?' };
const failed = (code: ErrorCode): TraceEvent => ({
  ...{ type: 'failed', ...at },
  error: toEnvelope(new AppError(code, 'It went wrong.', { fix: 'Try again.' })),
});
const answered: TraceEvent = { type: 'answered', ...at, answer: 'Ada', model: 'demo' };

/** Asks the lanes, of which the first fails; gives the run and the systems that were run. */
async function ask(code: ErrorCode, lanes: readonly Lane[]) {
  const laboratory = createScriptedLaboratory();
  const ran: string[] = [];
  vi.spyOn(laboratory, 'run').mockImplementation(async function* ({ system }) {
    await Promise.resolve();
    ran.push(system);
    yield question;
    yield ran.length === 1 ? failed(code) : answered;
  });
  const release = vi.spyOn(laboratory, 'release');
  const run = new AskRun(laboratory, () => '2026-01-02T03:04:05.000Z');
  await run.start('Who?', DEFAULT_SETTINGS, lanes, { searcher: null, generator: null });
  expect(release).toHaveBeenCalledOnce();
  return { run, ran };
}
const BOTH: Lane[] = [{ system: 's3' }, { system: 'naive-rag' }];
const APART: Lane[] = [{ system: 'naive-rag', generator: ENDPOINT }, { system: 'direct' }];

describe('a system that fails beside others', () => {
  it.each(['BAD_RESPONSE', 'CONTEXT_TOO_LONG', 'TIMEOUT'] as const)(
    'with %s does not keep the later ones from their answers, and says what went wrong',
    async (code) => {
      const { run, ran } = await ask(code, BOTH);
      expect(ran).toEqual(['s3', 'naive-rag']);
      expect(run.status).toBe('done');
      expect(run.lanes.map(({ error }) => error?.code)).toEqual([code, undefined]);
    },
  );

  it('for a reason of its model stops those that have the same model, and no others', async () => {
    const same = await ask('NETWORK', BOTH);
    expect(same.ran).toEqual(['s3']);
    expect(same.run).toMatchObject({ status: 'failed', error: { code: 'NETWORK' } });
    const apart = await ask('NETWORK', APART);
    expect(apart.ran).toEqual(['naive-rag', 'direct']);
    expect(apart.run).toMatchObject({ status: 'done', error: null });
  });

  it('alone, or stopped, ends the run', async () => {
    const alone = await ask('BAD_RESPONSE', [{ system: 's3' }]);
    expect(alone.run).toMatchObject({ status: 'failed', error: { code: 'BAD_RESPONSE' } });
    const stopped = await ask('ABORTED', APART);
    expect(stopped.ran).toEqual(['naive-rag']);
    expect(stopped.run).toMatchObject({ status: 'stopped', error: null });
  });
});
