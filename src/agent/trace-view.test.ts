import { describe, expect, it } from 'vitest';
import type { TraceDelta, TraceEvent } from '../protocol/trace';
import { createS3 } from './s3';
import {
  collect,
  finish,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  search,
  tickingClock,
  unavailable,
} from './testing/scripted';
import { advanceTrace, EMPTY_TRACE_VIEW, foldTrace, type TraceView } from './trace-view';

const RETRIEVER = (): ScriptedRetriever =>
  new ScriptedRetriever((query) =>
    query === 'b'
      ? [passage('p2'), passage('p4'), passage('p5')]
      : query === 'down'
        ? unavailable()
        : [passage('p1'), passage('p2'), passage('p3')],
  );

const events = (script: readonly string[]): Promise<(TraceEvent | TraceDelta)[]> =>
  collect(
    createS3({
      searcher: new ScriptedModel(script),
      generator: new ScriptedModel(['Ada'], 'gen'),
      retriever: RETRIEVER(),
      clock: tickingClock(),
    }),
    'Who?',
    { goldAnswers: ['Ada'], goldIds: ['p4'] },
  );

describe('the view of a whole run', () => {
  it('has one turn per response, with query, documents, action and timings', async () => {
    const view = foldTrace(await events([`<think>hm</think>${search('b')}`, finish([2])]));
    expect(view).toMatchObject({
      status: 'answered',
      question: 'Who?',
      goldAnswers: ['Ada'],
      goldIds: ['p4'],
    });
    expect(view.turns.map((t) => [t.turn, t.action, t.query, t.thought, t.window?.query])).toEqual([
      [0, undefined, undefined, undefined, 'Who?'],
      [1, 'search', 'b', 'hm', 'b'],
      [2, 'search_complete', undefined, undefined, undefined],
    ]);
    expect(view.turns[1]?.tookMs).toBeGreaterThan(0);
    expect(view.turns[1]?.usage?.promptTokens).toBe(100);
  });

  it('marks documents as selected, seen before, gold and in the context', async () => {
    const view = foldTrace(await events([search('b'), finish([2])]));
    const marks = view.turns[1]?.window?.documents.map((d) => [
      d.passageId,
      d.selected,
      d.seenBefore,
      d.gold,
      d.inContext,
    ]);
    expect(marks).toEqual([
      ['p2', false, true, false, true],
      ['p4', true, false, true, true],
      ['p5', false, false, false, false],
    ]);
    expect(view.turns[1]?.window?.selectedInTurn).toBe(2);
    expect(view.turns[0]?.window?.selectedInTurn).toBeUndefined();
  });

  it('numbers the context as the generator saw it, and says where each document was first shown', async () => {
    const view = foldTrace(await events([search('b'), finish([2])]));
    expect(view.context?.documents.map((d) => [d.number, d.passageId, d.shownIn?.turn, d.selected])).toEqual([
      [1, 'p4', 1, true],
      [2, 'p1', 0, false],
      [3, 'p2', 0, false],
      [4, 'p3', 0, false],
    ]);
    expect(view.context?.documents[0]).toMatchObject({
      title: 'Title of p4',
      text: 'Text of p4.',
      gold: true,
    });
  });

  it('has answer, score and totals', async () => {
    const view = foldTrace(await events([search('b'), finish([2])]));
    expect(view.answer).toMatchObject({ text: 'Ada', model: 'gen', streaming: false });
    expect(view.score).toEqual({ em: 1, f1: 1, accuracy: 1, goldInContext: true });
    expect(view.totals).toMatchObject({
      searches: 2,
      promptTokens: 300,
      completionTokens: 15,
      estimated: false,
    });
  });

  it('shows why a retriever gave nothing', async () => {
    const view = foldTrace(await events([search('down'), finish()]));
    expect(view.turns[1]?.window).toMatchObject({ documents: [], error: 'The retriever does not answer.' });
  });
});

describe('the view while a run goes on', () => {
  it('equals the fold of every prefix, and no step changes an earlier view', async () => {
    const all = await events([search('b'), 'Hm.', finish([1])]);
    const frozen: string[] = [];
    const views: TraceView[] = [];
    let view = EMPTY_TRACE_VIEW;
    for (const event of all) {
      view = advanceTrace(view, event);
      views.push(view);
      frozen.push(JSON.stringify(view));
    }
    views.forEach((v, i) => expect(JSON.stringify(v)).toBe(frozen[i]));
    all.forEach((_, i) => expect(foldTrace(all.slice(0, i + 1))).toEqual(views[i]));
    expect(JSON.stringify(EMPTY_TRACE_VIEW)).toContain('"turns":[]');
  });

  it('says what is being done', async () => {
    const all = await events([search('b'), finish([2])]);
    const statuses: string[] = [];
    let view = EMPTY_TRACE_VIEW;
    for (const event of all) {
      view = advanceTrace(view, event);
      if (statuses.at(-1) !== view.status) statuses.push(view.status);
    }
    expect(statuses).toEqual(['retrieving', 'searching', 'retrieving', 'searching', 'answering', 'answered']);
  });

  it('grows the text of the turn that streams and settles it with the whole', () => {
    const deltas = ['<que', 'ry>a'].map((text): TraceDelta => ({
      type: 'delta',
      role: 'searcher',
      turn: 1,
      text,
    }));
    const view = foldTrace(deltas);
    expect(view.turns).toMatchObject([{ turn: 1, text: '<query>a', streaming: true }]);
  });

  it('shares the turns that an event does not touch', async () => {
    const all = await events([search('b'), finish([2])]);
    const before = foldTrace(all.slice(0, 2));
    const after = advanceTrace(before, { type: 'delta', role: 'searcher', turn: 1, text: 'x' });
    expect(after.turns[0]).toBe(before.turns[0]);
  });

  it('ends streaming when the run is stopped', () => {
    const view = foldTrace([
      { type: 'delta', role: 'searcher', turn: 1, text: 'half' },
      {
        type: 'failed',
        turn: 1,
        atMs: 5,
        error: { code: 'ABORTED', message: 'Stopped.', fix: '', recoverable: true },
      },
    ]);
    expect(view).toMatchObject({ status: 'stopped', turns: [{ text: 'half', streaming: false }] });
  });
});
