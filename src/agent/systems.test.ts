import { describe, expect, it } from 'vitest';
import { SYSTEM_IDS } from '../protocol/trace';
import { SYSTEMS } from './system-facts';
import { makeSystem } from './systems';
import { collect, ScriptedModel, ScriptedRetriever, tickingClock } from './testing/scripted';
import { importTrace, serialiseTrace, traceFile } from './trace-file';
import { advanceTrace, EMPTY_TRACE_VIEW, foldTrace } from './trace-view';

const TAGS = '<search_complete>yes</search_complete><answer>{"query": "Ada"}</answer>\\boxed{Ada}';

function parts() {
  const searcher = new ScriptedModel(['one thought', TAGS], 'searcher');
  const retriever = new ScriptedRetriever();
  const generator = new ScriptedModel(['Ada'], 'generator');
  return { searcher, generator, retriever, bm25: new ScriptedRetriever(), clock: tickingClock() };
}

describe.each(SYSTEM_IDS)('%s', (id) => {
  it('answers under its own id, as a trace that can be drawn, written and read', async () => {
    const given = parts();
    const { system, mode, settings } = makeSystem(id, given);
    expect(system.id).toBe(id);
    const events = await collect(system, 'Who?', { goldAnswers: ['Ada'] });
    expect(events.at(-1)?.type).toBe('scored');
    const view = foldTrace(events);
    expect(view.status).toBe('answered');
    expect(view.turns.some((turn) => turn.streaming || turn.condensed?.streaming)).toBe(false);
    const file = traceFile({ system: id, mode, settings, startedAt: '2025-05-20T12:00:00.000Z' }, events);
    const read = importTrace(serialiseTrace(file));
    expect(read).toEqual({ file, warnings: [] });
    expect(foldTrace(read.file.events).totals).toEqual(view.totals);
  });

  it('calls only the models and retrievers that it says it needs', async () => {
    const given = parts();
    await collect(makeSystem(id, given).system);
    const { searcher, retriever, answersItself = false } = SYSTEMS[id];
    expect(given.searcher.requests.length > 0).toBe(searcher);
    expect(given.generator.requests.length > 0).toBe(!answersItself);
    expect(given.retriever.queries.length > 0).toBe(retriever === 'given' && id !== 'search-r1' && id !== 'search-r1-ret' && !id.startsWith('search-o1')); // prettier-ignore
    expect(given.bm25.queries.length > 0).toBe(retriever === 'bm25');
  });

  it('ends with a failure that says so when a model fails or the run is stopped', async () => {
    const down = new ScriptedModel(() => {
      throw new Error('down');
    });
    const failed = await collect(makeSystem(id, { ...parts(), searcher: down, generator: down }).system);
    expect(failed.at(-1)).toMatchObject({ type: 'failed', error: { code: 'INTERNAL' } });
    const stopped = await collect(makeSystem(id, parts()).system, 'Who?', { signal: AbortSignal.abort() });
    expect(stopped.at(-1)).toMatchObject({ type: 'failed', error: { code: 'ABORTED' } });
    const empty = await collect(makeSystem(id, parts()).system, ' ');
    expect(empty.at(-1)).toMatchObject({ type: 'failed', error: { code: 'BAD_INPUT' } });
  });
});

it('a system that searches by words does not make do with vectors', () => {
  const { bm25: _, ...without } = parts();
  expect(() => makeSystem('deepretrieval', without)).toThrow(/BM25/);
});

it('turns and documents of s3 are not those of other systems; what concerns the answer is', () => {
  const settings = { maxTurns: 1, documentsPerQuery: 8, generatorMaxTokens: 7, mode: 'code' } as const;
  const made = makeSystem('search-r1', { ...parts(), settings, systems: { searchR1: { maxTurns: 2 } } });
  expect(made.settings).toMatchObject({ maxTurns: 2, documentsPerQuery: 3, generatorMaxTokens: 7, mode: 'code' });
}); // prettier-ignore

it('the view shows what a condenser writes beside the documents it read, while it is written', () => {
  const at = { turn: 1, atMs: 5 };
  const deltas = ['No', 'tes'].map((text) => ({ type: 'delta', role: 'condenser', turn: 1, text }) as const);
  const view = [...deltas].reduce(advanceTrace, EMPTY_TRACE_VIEW);
  expect(view.turns[0]).toMatchObject({ text: '', condensed: { text: 'Notes', streaming: true } });
  const error = { code: 'ABORTED', message: 'Stopped.', fix: '', recoverable: true } as const;
  const stopped = advanceTrace(view, { type: 'failed', ...at, error });
  expect(stopped.turns[0]?.condensed).toMatchObject({ text: 'Notes', streaming: false });
});
