import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../protocol/system';
import {
  collect,
  eventsOf,
  passage,
  ScriptedModel,
  ScriptedRetriever,
  tickingClock,
  unavailable,
} from '../testing/scripted';
import { createSearchR1, type SearchR1Settings } from './search-r1';
import {
  parseOpenedAnswer,
  parseSearchR1,
  SEARCH_R1_ANSWER_NOW,
  SEARCH_R1_INVALID,
  SEARCH_R1_PROMPT,
} from './search-r1-text';

async function run(
  script: readonly string[],
  given: {
    id?: 'search-r1' | 'search-r1-ret';
    settings?: Partial<SearchR1Settings>;
    options?: RunOptions;
    retriever?: ScriptedRetriever;
  } = {},
) {
  const { id = 'search-r1', settings = {}, options = {}, retriever = new ScriptedRetriever() } = given;
  const searcher = new ScriptedModel(script, 'r1');
  const generator = new ScriptedModel(['Ada'], 'generator');
  const parts = { searcher, generator, retriever, clock: tickingClock() };
  const events = await collect(createSearchR1(parts, id, settings), 'Who', options);
  return { events, searcher, generator, retriever };
}

const searching = (query: string): string => `<think>hm</think><search> ${query} </search>`;

it('asks in the words of its training, byte for byte', () => {
  const sha256 = createHash('sha256').update(SEARCH_R1_PROMPT).digest('hex').slice(0, 16);
  expect([Buffer.byteLength(SEARCH_R1_PROMPT), sha256]).toEqual([575, '325187b4e28848fc']);
});

describe('a run', () => {
  it('searches, reads, and gives its own answer', async () => {
    const { events, searcher, generator, retriever } = await run(
      [searching('a'), '<think>so</think><answer> Ada </answer>'],
      { options: { goldAnswers: ['Ada'], goldIds: ['a#2'] } },
    );
    expect(retriever.queries).toEqual(['a']);
    expect(generator.requests).toHaveLength(0);
    expect(eventsOf(events, 'action').map((e) => [e.turn, e.action, e.query, e.thought])).toEqual([
      [1, 'search', 'a', 'hm'],
      [2, 'answer', undefined, 'so'],
    ]);
    expect(eventsOf(events, 'answered')[0]).toMatchObject({ answer: 'Ada', model: 'r1' });
    expect(eventsOf(events, 'scored')[0]).toMatchObject({ em: 1, goldInContext: true });
    const [first, second] = searcher.requests;
    expect(first?.messages).toEqual([
      { role: 'user', content: SEARCH_R1_PROMPT.replace('{question}', 'Who?') },
    ]);
    expect(second?.continuation).toEqual([
      { kind: 'generated', text: searching('a') },
      {
        kind: 'observation',
        text: `\n\n<information>${[1, 2, 3].map((i) => `Doc ${i}(Title: Title of a#${i}) Text of a#${i}.`).join('\n')}</information>\n\n`,
      },
    ]);
  });

  it('hands its documents, each once, to the frozen generator in the other form', async () => {
    const { events } = await run([searching('a'), searching('a'), '<answer>wrong</answer>'], {
      id: 'search-r1-ret',
    });
    expect(eventsOf(events, 'context')[0]?.passageIds).toEqual(['a#1', 'a#2', 'a#3']);
    expect(eventsOf(events, 'answered')[0]).toMatchObject({ answer: 'Ada', model: 'generator' });
  });

  it('tells the model of an invalid action in the words of its training, which costs a turn', async () => {
    const { searcher } = await run(['What?', '<answer>Ada</answer>']);
    expect(searcher.requests[1]?.continuation?.[1]).toEqual({ kind: 'observation', text: SEARCH_R1_INVALID });
  });

  it('ends after four turns and one without a search, then asks for the answer', async () => {
    const script = ['a', 'b', 'c', 'd', 'e'].map(searching);
    const { events, searcher, retriever } = await run([...script, ' Ada </answer> and more']);
    expect(retriever.queries).toEqual(['a', 'b', 'c', 'd']);
    expect(searcher.requests).toHaveLength(6);
    expect(searcher.requests[5]?.continuation?.at(-1)?.text).toBe(SEARCH_R1_ANSWER_NOW);
    expect(eventsOf(events, 'action').at(-1)).toMatchObject({ action: 'answer', forced: true });
    expect(eventsOf(events, 'answered')[0]?.answer).toBe('Ada');
  });

  it('has no answer then in code mode, and does not take one from its prompt', async () => {
    const { events, searcher } = await run([searching('a')], {
      settings: { mode: 'code' },
      options: { goldAnswers: ['Beijing'] },
    });
    expect(searcher.requests).toHaveLength(5);
    expect(searcher.requests[0]?.temperature).toBe(1);
    expect(eventsOf(events, 'answered')[0]?.answer).toBe('');
    expect(eventsOf(events, 'scored')[0]?.em).toBe(0);
  });

  it('goes on with an empty block where the retriever fails, and says why', async () => {
    const { events, searcher } = await run([searching('a'), '<answer>Ada</answer>'], {
      retriever: new ScriptedRetriever(unavailable),
    });
    expect(eventsOf(events, 'retrieved')[0]?.error).toContain('does not answer');
    expect(searcher.requests[1]?.continuation?.[1]?.text).toBe('\n\n<information></information>\n\n');
    expect(events.at(-1)?.type).toBe('answered');
  });

  it('keeps the closing tag where the documents are too long', async () => {
    const retriever = new ScriptedRetriever(() => [passage('p', 'word '.repeat(2000))]);
    const { searcher } = await run([searching('a'), '<answer>Ada</answer>'], { retriever });
    const observation = searcher.requests[1]?.continuation?.[1]?.text ?? '';
    expect(observation.length).toBeLessThanOrEqual(2000);
    expect(observation).toMatch(/word<\/information>\n\n$/);
  });

  it('stops when asked to', async () => {
    const { events } = await run([searching('a')], { options: { signal: AbortSignal.abort() } });
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'ABORTED' } });
  });
});

describe('reading a response', () => {
  it.each([
    ['<search>a</search> and <information>made up', { kind: 'search', query: 'a' }, '<search>a</search>'],
    ['<answer>x</answer> <search>a</search> z', { kind: 'answer', answer: 'x' }, '<answer>x</answer> <search>a</search>'],
    ['<answer>x</answer> z', { kind: 'answer', answer: 'x' }, '<answer>x</answer>'],
    ['<search>a <answer>x</answer>', { kind: 'answer', answer: 'x' }, '<search>a <answer>x</answer>'],
    ['</answer><search>a</search>', { kind: 'search', query: 'a' }, '</answer><search>a</search>'],
    ['<search>\na\nb\n</search>', { kind: 'search', query: 'a\nb' }, '<search>\na\nb\n</search>'],
    ['</search><search>a</search>', { kind: 'invalid' }, '</search>'],
    ['', { kind: 'invalid' }, ''],
  ])('%j', (raw, action, text) => {
    expect(parseSearchR1(raw)).toMatchObject({ action, text });
  }); // prettier-ignore

  it('agrees with the original expression for any text, and never throws', () => {
    const part = fc.constantFrom('<search>', '</search>', '<answer>', '</answer>', '<think>', '</think>', 'a', '\n', ' '); // prettier-ignore
    const words = fc.array(fc.oneof({ weight: 6, arbitrary: part }, fc.string({ maxLength: 4 })), { maxLength: 12 }).map((p) => p.join('')); // prettier-ignore
    fc.assert(
      fc.property(words, (raw) => {
        const { text, action } = parseSearchR1(raw);
        const match = /<(search|answer)>(.*?)<\/\1>/s.exec(text);
        expect(action.kind).toBe(match?.[1] ?? 'invalid');
        if (match) expect(Object.values(action)).toContain(match[2]?.trim());
        expect(parseOpenedAnswer(raw)).not.toContain('</answer>');
      }),
      { numRuns: 10_000 },
    );
  });
});
