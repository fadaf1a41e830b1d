import { describe, expect, it } from 'vitest';
import type { GenerateRequest } from '../protocol/language-model';
import type { TraceDelta, TraceEvent } from '../protocol/trace';
import { AppError } from '../protocol/errors';
import { INVALID_OBSERVATION } from './observation';
import { ANCHOR } from './prompts';
import { createS3 } from './s3';
import type { S3Settings } from './settings';
import {
  collect,
  eventsOf,
  finish,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  search,
  tickingClock,
  unavailable,
} from './testing/scripted';

function run(
  script: ConstructorParameters<typeof ScriptedModel>[0],
  settings: Partial<S3Settings> = {},
  retriever = new ScriptedRetriever(),
  answer = 'Ada',
) {
  const searcher = new ScriptedModel(script, 'searcher');
  const generator = new ScriptedModel([answer], 'generator');
  const system = createS3({ searcher, generator, retriever, settings, clock: tickingClock() });
  return { searcher, generator, retriever, system };
}

const kinds = (events: readonly (TraceEvent | TraceDelta)[]): string[] =>
  events
    .filter((e) => e.type !== 'delta')
    .map((e) => (e.type === 'generated' ? `${e.type}:${e.role}` : e.type));

const continuationOf = (request: GenerateRequest | undefined): string =>
  (request?.continuation ?? []).map((segment) => segment.text).join('');

describe('a run', () => {
  it('writes its events in order', async () => {
    const { system } = run([search('b', [1]), finish([2, 3])]);
    const events = await collect(system, 'Who built it?', { goldAnswers: ['ada'], goldIds: ['b#2'] });
    expect(kinds(events)).toEqual([
      'question',
      'retrieved',
      'generated:searcher',
      'action',
      'selected',
      'retrieved',
      'generated:searcher',
      'action',
      'selected',
      'context',
      'generated:generator',
      'answered',
      'scored',
    ]);
    expect(eventsOf(events, 'retrieved').map((e) => e.turn)).toEqual([0, 1]);
    expect(eventsOf(events, 'selected').map((e) => [e.turn, e.window, e.numbers])).toEqual([
      [1, 0, [1]],
      [2, 1, [2, 3]],
    ]);
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(['Who built it?#1', 'b#2', 'b#3']);
    expect(eventsOf(events, 'scored')[0]).toMatchObject({ em: 1, f1: 1, accuracy: 1, goldInContext: true });
    expect(eventsOf(events, 'answered')[0]).toMatchObject({ answer: 'Ada', model: 'generator', turn: 2 });
  });

  it('has times that never go back', async () => {
    const events = await collect(run([search('b'), finish()]).system);
    const times = events.flatMap((e) => (e.type === 'delta' ? [] : [e.atMs]));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('streams what the models write, piece by piece', async () => {
    const events = await collect(run([search('b'), finish()]).system);
    const deltas = events.filter((e) => e.type === 'delta');
    const written = (role: string, turn: number): string =>
      deltas
        .filter((d) => d.role === role && d.turn === turn)
        .map((d) => d.text)
        .join('');
    expect(written('searcher', 1)).toBe(search('b'));
    expect(written('searcher', 2)).toBe(finish());
    expect(written('generator', 2)).toBe('Ada');
  });

  it('is not scored without gold answers', async () => {
    expect(kinds(await collect(run([finish()]).system))).not.toContain('scored');
  });

  it('refuses an empty question', async () => {
    const events = await collect(run([finish()]).system, '  ');
    expect(kinds(events)).toEqual(['question', 'failed']);
    expect(eventsOf(events, 'failed')[0]?.error.code).toBe('BAD_INPUT');
  });

  it('takes the thoughts of a reasoning generator out of the answer', async () => {
    const { system } = run([finish()], {}, new ScriptedRetriever(), '<think>Ada or Bob?</think>\n Ada ');
    expect(eventsOf(await collect(system), 'answered')[0]?.answer).toBe('Ada');
  });
});

describe('turn 0 begins with search', () => {
  it('retrieves three documents with the question, which gets its question mark', async () => {
    const { system, retriever, searcher } = run([finish()]);
    const events = await collect(system, ' Who built it ');
    expect(retriever.queries).toEqual(['Who built it?']);
    expect(eventsOf(events, 'retrieved')[0]?.documents).toHaveLength(3);
    const prompt = searcher.requests[0]?.messages?.[0]?.content ?? '';
    expect(
      prompt.endsWith(
        `${ANCHOR}\n<question>\nWho built it?\n</question>\n<information>\n` +
          'Doc 1 (Title: Title of Who built it?#1) Text of Who built it?#1.\n' +
          'Doc 2 (Title: Title of Who built it?#2) Text of Who built it?#2.\n' +
          'Doc 3 (Title: Title of Who built it?#3) Text of Who built it?#3.\n</information>\n',
      ),
    ).toBe(true);
  });

  it('searches without the options of a multiple-choice question, which the models see', async () => {
    const { system, retriever, searcher, generator } = run([finish()]);
    await collect(system, 'Which?\nOptions:\nA: one\nB: two\n');
    expect(retriever.queries).toEqual(['Which?']);
    expect(searcher.requests[0]?.messages?.[0]?.content).toContain(
      'Which?\nOptions:\nA: one\nB: two\n</question>',
    );
    expect(generator.requests[0]?.messages?.at(-1)?.content).toBe('Which?\nOptions:\nA: one\nB: two');
  });

  it('keeps all initial documents when the searcher stops at once', async () => {
    const events = await collect(run([finish()]).system);
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(['Who?#1', 'Who?#2', 'Who?#3']);
  });

  it('fails the run when the retriever fails, as there is nothing to begin with', async () => {
    const events = await collect(run([finish()], {}, new ScriptedRetriever(unavailable)).system);
    expect(kinds(events)).toEqual(['question', 'failed']);
    expect(eventsOf(events, 'failed')[0]?.error).toMatchObject({ code: 'NETWORK', fix: 'Start it.' });
  });
});

describe('the searcher', () => {
  it('reads its instructions with the anchor line once, in one user message', async () => {
    const { system, searcher } = run([finish()], { documentsSelected: 5 });
    await collect(system);
    const messages = searcher.requests[0]?.messages ?? [];
    expect(messages.map((m) => m.role)).toEqual(['user']);
    const prompt = messages[0]?.content ?? '';
    expect(prompt.split(ANCHOR)).toHaveLength(2);
    expect(prompt).toContain('up to 5,');
    expect(prompt).not.toContain('Boolean');
  });

  it('hears of Boolean operators where its retriever reads them', async () => {
    const { system, searcher } = run([finish()], { booleanQueries: true });
    await collect(system);
    expect(searcher.requests[0]?.messages?.[0]?.content).toContain('AND and OR');
  });

  it('in the compact style reads the task alone', async () => {
    const { system, searcher } = run([finish()], { promptStyle: 'compact' });
    await collect(system);
    expect(searcher.requests[0]?.messages?.[0]?.content.startsWith(`${ANCHOR}\n<question>\nWho?\n`)).toBe(
      true,
    );
  });

  it('continues from its own responses and the observations between them', async () => {
    const { system, searcher } = run([search('b'), finish()], { documentsPerQuery: 2 });
    await collect(system);
    expect(searcher.requests[0]?.continuation).toEqual([]);
    expect(searcher.requests[1]?.continuation).toEqual([
      { kind: 'generated', text: search('b') },
      {
        kind: 'observation',
        text: '\n\n<information>Doc 1(Title: Title of b#1) Text of b#1.\nDoc 2(Title: Title of b#2) Text of b#2.</information>\n\n',
      },
    ]);
  });

  it('stops at the end of a query and keeps the tag', async () => {
    const { system, searcher } = run([`${search('b')}<information>made up</information>`, finish()]);
    const events = await collect(system);
    expect(searcher.requests[0]).toMatchObject({ stop: ['</query>'], keepStop: true });
    expect(continuationOf(searcher.requests[1])).not.toContain('made up');
    expect(eventsOf(events, 'generated')[0]?.text).toBe(search('b'));
  });

  it('writes 500 tokens a turn in a window of 8000', async () => {
    const { system, searcher } = run([finish()]);
    await collect(system);
    expect(searcher.requests[0]).toMatchObject({ maxTokens: 500, maxContextTokens: 8000 });
  });

  it('is greedy in paper mode and samples at 0.6 in code mode', async () => {
    const { system, searcher } = run([finish()]);
    await collect(system, 'Who?', { mode: 'paper' });
    await collect(system, 'Who?', { mode: 'code', seed: 7 });
    expect(searcher.requests[0]).toMatchObject({ temperature: 0, topP: 1 });
    expect(searcher.requests[1]).toMatchObject({ temperature: 0.6, topP: 0.95, seed: 8 });
  });

  it('cannot be asked a question that does not fit its window', async () => {
    const events = await collect(run([finish()]).system, 'long '.repeat(8000));
    expect(eventsOf(events, 'failed')[0]?.error.code).toBe('CONTEXT_TOO_LONG');
  });
});

describe('an invalid action', () => {
  it('is answered by a request for a query inside an opened tag, which the next turn may close', async () => {
    const { system, searcher, retriever } = run(['Hm.', '{"query": "b"}</query>', finish()]);
    const events = await collect(system);
    expect(searcher.requests[1]?.continuation).toEqual([
      { kind: 'generated', text: 'Hm.' },
      { kind: 'observation', text: INVALID_OBSERVATION },
    ]);
    expect(retriever.queries).toEqual(['Who?', 'b']);
    expect(eventsOf(events, 'generated')[1]?.text).toBe('<query>\n{"query": "b"}</query>');
  });

  it('consumes a turn', async () => {
    const { system, searcher } = run(['Hm.']);
    const events = await collect(system);
    expect(searcher.requests).toHaveLength(4);
    expect(eventsOf(events, 'action').map((e) => e.forced ?? false)).toEqual([false, false, false, true]);
    expect(kinds(events)).toContain('answered');
  });

  it('is also a false search_complete without a query', async () => {
    const events = await collect(run(['<search_complete>False</search_complete>', finish()]).system);
    expect(eventsOf(events, 'action')[0]?.action).toBe('invalid');
  });

  it('can still select', async () => {
    const events = await collect(
      run([search('b'), '<important_info>[2]</important_info>', finish([1])]).system,
    );
    expect(eventsOf(events, 'selected').map((e) => [e.turn, e.window, e.numbers])).toEqual([[2, 1, [2]]]);
  });
});

describe('the turn limit', () => {
  const endless = (_: GenerateRequest, call: number): string => search(`q${call + 1}`, [1]);

  it('of paper mode is three searches, then a closing turn that may only select', async () => {
    const { system, searcher, retriever } = run(endless);
    const events = await collect(system, 'Who?', { mode: 'paper' });
    expect(retriever.queries).toEqual(['Who?', 'q1', 'q2', 'q3']);
    expect(searcher.requests).toHaveLength(4);
    expect(eventsOf(events, 'action').map((e) => e.forced ?? false)).toEqual([false, false, false, true]);
    expect(eventsOf(events, 'action').at(-1)).toMatchObject({ action: 'search', query: 'q4' });
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(['Who?#1', 'q1#1', 'q2#1', 'q3#1']);
  });

  it('forces nothing where the searcher ends by itself in the closing turn', async () => {
    const { system } = run([search('b'), finish([1])], { maxTurns: 1 });
    const actions = eventsOf(await collect(system), 'action');
    expect(actions.map((e) => [e.action, e.forced])).toEqual([
      ['search', undefined],
      ['search_complete', undefined],
    ]);
  });

  it('of code mode is four searches, then the closing turn', async () => {
    const { system, searcher, retriever } = run(endless);
    await collect(system, 'Who?', { mode: 'code' });
    expect(retriever.queries).toHaveLength(5);
    expect(searcher.requests).toHaveLength(5);
  });

  it('keeps all of the last window where no closing turn selects from it', async () => {
    const { system, searcher } = run(endless, { closingTurn: false, maxTurns: 1 });
    const events = await collect(system);
    expect(searcher.requests).toHaveLength(1);
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual([
      'Who?#1',
      ...Array.from({ length: 8 }, (_, i) => `q1#${i + 1}`),
    ]);
  });

  it('counts turns, documents and selections as set', async () => {
    const { system, retriever } = run(endless, { maxTurns: 1, documentsPerQuery: 5, initialDocuments: 2 });
    const events = await collect(system);
    expect(retriever.queries).toHaveLength(2);
    expect(eventsOf(events, 'retrieved').map((e) => e.documents.length)).toEqual([2, 5]);
  });
});

describe('a retriever that fails after turn 0', () => {
  it('is an Error observation, told in the trace, and costs one turn', async () => {
    const retriever = new ScriptedRetriever((query, topK) =>
      query === 'b' ? unavailable() : Array.from({ length: topK }, (_, i) => passage(`${query}${i}`)),
    );
    const { system, searcher } = run([search('b'), search('c'), finish([1])], {}, retriever);
    const events = await collect(system);
    expect(eventsOf(events, 'retrieved')[1]).toMatchObject({
      documents: [],
      error: 'The retriever does not answer.',
    });
    expect(searcher.requests[1]?.continuation?.[1]?.text).toBe('\n\n<information>Error</information>\n\n');
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(['c0', 'Who?0', 'Who?1', 'Who?2']);
    expect(kinds(events).at(-1)).toBe('answered');
  });
});

describe('the window limit', () => {
  it('cuts long documents in the searcher’s view; trace and generator keep the whole text', async () => {
    const long = `${'word '.repeat(1000)}end`;
    const retriever = new ScriptedRetriever((query, topK) =>
      Array.from({ length: topK }, (_, i) => passage(`${query}${i + 1}`, `${query}${i + 1} ${long}`)),
    );
    const settings = { initialDocuments: 1, documentsPerQuery: 8, contextTokens: 1e6 };
    const { system, searcher, generator } = run([search('b', [1]), finish([1, 2, 3])], settings, retriever);
    const events = await collect(system);
    const observation = searcher.requests[1]?.continuation?.[1]?.text ?? '';
    expect(Math.ceil(observation.length / 4)).toBeLessThanOrEqual(1400);
    expect(observation.endsWith('</information>\n\n')).toBe(true);
    const documents = eventsOf(events, 'retrieved')[1]?.documents ?? [];
    expect(documents.map((d) => d.number)).toEqual([1, 2]);
    expect(documents.every((d) => d.text.endsWith('end'))).toBe(true);
    expect(eventsOf(events, 'selected').at(-1)?.numbers).toEqual([1, 2]);
    expect(generator.requests[0]?.messages?.[0]?.content).toContain('word end');
  });
});

describe('the generator', () => {
  it('gets the context in its system message and the question alone', async () => {
    const { system, generator } = run([finish([2])]);
    await collect(system);
    const [request] = generator.requests;
    expect(request).toMatchObject({ temperature: 0, topP: 1, maxTokens: 500 });
    expect(request?.messages).toEqual([
      {
        role: 'system',
        content:
          'Use the following contexts (some might be irrelevant) on demand:\nContexts:\nDoc 1 (Title: Title of Who?#2)\nText of Who?#2.\n\n\n\n' +
          'Important: You MUST directly answer the question without any other text and thinking.',
      },
      { role: 'user', content: 'Who?' },
    ]);
  });

  it('gets whole documents up to its token limit', async () => {
    const events = await collect(run([finish()], { contextTokens: 25 }).system);
    const [context] = eventsOf(events, 'context');
    expect(context?.passageIds).toEqual(['Who?#1', 'Who?#2']);
    expect(context?.tokens).toBeLessThanOrEqual(25);
  });

  it('that fails leaves the search in the trace and a failure at its end', async () => {
    const searcher = new ScriptedModel([finish()]);
    const generator = new ScriptedModel(['x'], 'generator', () => {
      throw new AppError('RATE_LIMITED', 'Too many requests.', { recoverable: true });
    });
    const system = createS3({
      searcher,
      generator,
      retriever: new ScriptedRetriever(),
      clock: tickingClock(),
    });
    const events = await collect(system);
    expect(kinds(events).at(-1)).toBe('failed');
    expect(eventsOf(events, 'failed')[0]?.error.code).toBe('RATE_LIMITED');
  });
});

describe('a stop', () => {
  it('ends the run with ABORTED, whichever event it comes after', async () => {
    const total = (await collect(run([search('b', [1]), finish([1])]).system)).length;
    for (let after = 0; after < total; after++) {
      const controller = new AbortController();
      const events: (TraceEvent | TraceDelta)[] = [];
      const { system } = run([search('b', [1]), finish([1])]);
      for await (const event of system.run('Who?', { signal: controller.signal })) {
        events.push(event);
        if (events.length === after + 1) controller.abort();
      }
      const last = events.at(-1);
      const finished = events.length === total;
      if (!finished) expect(last).toMatchObject({ type: 'failed', error: { code: 'ABORTED' } });
      expect(events.length).toBeLessThanOrEqual(after + 4);
    }
  });

  it('before the start asks nobody anything', async () => {
    const { system, retriever, searcher } = run([finish()]);
    const events = await collect(system, 'Who?', { signal: AbortSignal.abort() });
    expect(kinds(events)).toEqual(['question', 'failed']);
    expect([retriever.queries.length, searcher.requests.length]).toEqual([0, 0]);
  });

  it('does not wait for a model, a retriever or a tokenizer that takes no notice', async () => {
    const never = new Promise<never>(() => undefined);
    const stalls = {
      model: () => createS3(parts(new ScriptedModel(['x'], 'stalled', () => never), new ScriptedRetriever())),
      retriever: () => createS3(parts(new ScriptedModel([finish()]), { search: () => never })),
      tokenizer: () => {
        const searcher = new ScriptedModel([finish()]);
        searcher.countTokens = () => never;
        return createS3(parts(searcher, new ScriptedRetriever()));
      },
    };
    for (const [part, make] of Object.entries(stalls)) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 5);
      const events = await collect(make(), 'Who?', { signal: controller.signal });
      expect([part, eventsOf(events, 'failed')[0]?.error.code]).toEqual([part, 'ABORTED']);
    }
  });

  it('by leaving the loop ends the model’s stream', async () => {
    let closed = false;
    const searcher = new ScriptedModel(['a long response that streams']);
    const generate = searcher.generate.bind(searcher);
    searcher.generate = async function* (request, signal) {
      try {
        yield* generate(request, signal);
      } finally {
        closed = true;
      }
    };
    const system = createS3(parts(searcher, new ScriptedRetriever()));
    for await (const event of system.run('Who?', {})) if (event.type === 'delta') break;
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(closed).toBe(true);
  });

  function parts(searcher: ScriptedModel, retriever: Parameters<typeof createS3>[0]['retriever']) {
    return { searcher, generator: new ScriptedModel(['Ada']), retriever, clock: tickingClock() };
  }
});

it('reports a model that ends without a result', async () => {
  const searcher = new ScriptedModel(['x']);
  searcher.generate = async function* () {
    await Promise.resolve();
    yield { type: 'delta', text: 'half' };
  };
  const generator = new ScriptedModel(['Ada']);
  const system = createS3({ searcher, generator, retriever: new ScriptedRetriever(), clock: tickingClock() });
  expect(eventsOf(await collect(system), 'failed')[0]?.error.code).toBe('BAD_RESPONSE');
});
