import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScriptedModel, ScriptedRetriever, tickingClock, unavailable } from '../../agent/testing/scripted';
import { createJudge } from '../../evaluation/judge';
import type { TrainingQuestion } from '../records';
import { PrecomputeJournal, type JournalFile } from './journal';
import { precompute, type PrecomputeOptions } from './precompute';
import { RagCache } from './rag-cache';
import { parseOutputSequences, sequencesFileName } from './sequences-file';

class MemoryFile implements JournalFile {
  constructor(public text = '') {}
  read(): Promise<string> {
    return Promise.resolve(this.text);
  }
  append(text: string): Promise<void> {
    this.text += text;
    return Promise.resolve();
  }
}

const SETTINGS = { generator: 'g', corpus: 'c', documents: 3 };
const open = (file: JournalFile): Promise<PrecomputeJournal> => PrecomputeJournal.open(file, SETTINGS);

const question = (name: string, more: Partial<TrainingQuestion> = {}): TrainingQuestion => ({
  ...{ id: name, source: 'nq', question: `Who built ${name}`, goldAnswers: ['Ada'] },
  ...more,
});
const questions = ['a', 'b', 'c', 'd'].map((name) => question(name));

async function run(file: JournalFile, overrides: Partial<PrecomputeOptions> = {}) {
  const generator = new ScriptedModel(['Ada'], 'generator');
  const retriever = new ScriptedRetriever();
  const journal = await open(file);
  const options = {
    questions,
    generator,
    retriever,
    journal,
    concurrency: 2,
    clock: tickingClock(),
    ...overrides,
  };
  return { outcome: await precompute(options), generator, retriever, journal };
}

describe('what plain RAG answers', () => {
  it('is found with the question, from its first three documents', async () => {
    const { outcome, generator, retriever, journal } = await run(new MemoryFile());
    expect(outcome).toEqual({ computed: 4, known: 0, failed: [] });
    expect(retriever.queries[0]).toBe('Who built a?');
    const context = generator.requests[0]?.messages?.[0]?.content ?? '';
    expect(context).toContain('Doc 3 (Title: Title of Who built a?#3)');
    expect(context).not.toContain('Doc 4');
    const kept = journal.sequences().nq?.['Who built a?'];
    expect(kept?.golden_answers).toEqual(['Ada']);
    expect(kept?.context_with_info.split('\n')).toHaveLength(13);
    expect(
      kept?.context_with_info.startsWith(
        'Doc 1 (Title: Title of Who built a?#1) Text of Who built a?#1.\nDoc 2 ',
      ),
    ).toBe(true);
    expect(kept?.context_with_info).toContain('\nDoc 12 (Title: ');
  });

  it('counts by GenAcc where there is a judge, else where a gold answer stands in it', async () => {
    const generator = new ScriptedModel(['The countess'], 'generator');
    const judge = createJudge(new ScriptedModel(['yes']));
    const judged = await run(new MemoryFile(), { generator, judge });
    expect(judged.journal.cache().get('nq', 'Who built a')).toEqual({
      answer: 'The countess',
      score: 1,
      em_score: 0,
    });
    const plain = await run(new MemoryFile(), { generator });
    expect(plain.journal.cache().get('nq', 'Who built a')).toMatchObject({ score: 0 });
  });

  it('is searched for in batches, whatever is answered at a time', async () => {
    const inner = new ScriptedRetriever();
    const batches: number[] = [];
    const retriever = {
      search: (queries: readonly string[], topK: number) => {
        batches.push(queries.length);
        return inner.search(queries, topK);
      },
    };
    await run(new MemoryFile(), { retriever, retrievalBatch: 3, concurrency: 4 });
    expect(batches).toEqual([3, 1]);
  });

  it('is asked for once where two data sets’ questions are not the same, and once where they are', async () => {
    const twice = [
      question('a'),
      question('a', { question: ' Who built a? ' }),
      question('a', { source: 'hotpotqa' }),
    ];
    const { outcome, journal } = await run(new MemoryFile(), { questions: twice });
    expect(outcome.computed).toBe(2);
    expect(Object.keys(journal.cache().toFile())).toEqual(['nq', 'hotpotqa']);
  });
});

describe('a precomputation that was killed', () => {
  it('goes on where it was, wherever its record breaks off', async () => {
    const whole = new MemoryFile();
    const { journal } = await run(whole);
    const wanted = journal.cache().toFile();
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.text.length), async (length) => {
        const file = new MemoryFile(whole.text.slice(0, length));
        const { outcome, generator, journal: resumed } = await run(file);
        expect(outcome.computed + outcome.known).toBe(4);
        expect(generator.requests).toHaveLength(outcome.computed);
        expect(sorted(resumed.cache().toFile())).toEqual(sorted(wanted));
        // And once more from what is on the disk now.
        expect((await run(file)).outcome).toEqual({ computed: 0, known: 4, failed: [] });
      }),
      { numRuns: 40 },
    );
  });

  it('is not continued with other settings', async () => {
    const file = new MemoryFile();
    await run(file);
    const other = PrecomputeJournal.open(file, { ...SETTINGS, generator: 'other' });
    await expect(other).rejects.toThrow('generator g → other');
    await expect(open(new MemoryFile('{"a":1}\n'))).rejects.toThrow('no record of a precomputation');
  });

  it('keeps what was done when it is stopped', async () => {
    const file = new MemoryFile();
    const controller = new AbortController();
    const running = run(file, {
      ...{ concurrency: 1, signal: controller.signal },
      onProgress: ({ done }) => {
        if (done === 2) controller.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await open(file)).size).toBe(2);
  });
});

describe('failures', () => {
  it('of single questions are told, and tried again the next time', async () => {
    const file = new MemoryFile();
    const generator = new ScriptedModel((request) => {
      const asked = request.messages?.at(-1)?.content ?? '';
      return asked.includes(' c') ? unavailable() : 'Ada';
    });
    const progress: number[] = [];
    const onProgress = ({ done, failed }: { done: number; failed: number }): void =>
      void progress.push(done + failed);
    const { outcome } = await run(file, { generator, onProgress });
    expect(outcome.computed).toBe(3);
    expect(outcome.failed).toMatchObject([{ question: 'Who built c?', error: { code: 'NETWORK' } }]);
    expect(progress).toEqual([0, 1, 2, 3, 4]);
    expect((await run(file)).outcome).toEqual({ computed: 1, known: 3, failed: [] });
  });

  it('of all end it', async () => {
    const many = Array.from({ length: 50 }, (_, i) => question(`q${i}`));
    const generator = new ScriptedModel(() => unavailable());
    await expect(run(new MemoryFile(), { questions: many, generator })).rejects.toMatchObject({
      code: 'NETWORK',
    });
    expect(generator.requests.length).toBeLessThan(10);
  });
});

describe('rag_cache.json', () => {
  const file = {
    nq: {
      'Who?': { answer: 'Ada', score: 1, em_score: 1 },
      'What?': { answer: null, score: 0, em_score: 0 },
    },
  };

  it('is written as it is read', () => {
    expect(RagCache.parse(file).toFile()).toEqual(file);
    expect(JSON.parse(RagCache.parse(file).toText())).toEqual(file);
  });

  it('of the original may lack exact match, and hold booleans and more', () => {
    const cache = RagCache.parse({ nq: { 'Who?': { answer: 'Ada', score: true, is_correct: 1 } } });
    expect(cache.get('nq', 'Who?')).toEqual({ answer: 'Ada', score: 1, em_score: 0 });
  });

  it('is asked by question, with or without its question mark', () => {
    const cache = RagCache.parse(file);
    expect(cache.get('nq', ' Who ')?.score).toBe(1);
    expect(cache.get('hotpotqa', 'Who?')).toBeUndefined();
    expect(cache.size).toBe(2);
  });

  it('takes over another', () => {
    const cache = RagCache.parse(file);
    cache.merge(
      RagCache.parse({
        nq: { 'Who?': { answer: 'Eve', score: 0 } },
        hotpotqa: { 'Why?': { answer: '', score: 0 } },
      }),
    );
    expect(cache.get('nq', 'Who?')?.answer).toBe('Eve');
    expect(cache.size).toBe(3);
  });

  it.each([
    [[]],
    [{ nq: { 'Who?': { answer: 1, score: 1 } } }],
    [{ nq: { 'Who?': { answer: '', score: 2 } } }],
  ])('is not %j', (json) => expect(() => RagCache.parse(json)).toThrow(/no rag_cache.json/));
});

describe('output sequences', () => {
  it('are read with and without transcripts', () => {
    const file = {
      'Who?': { golden_answers: ['Ada'], context_with_info: 'Doc 1 …', response_str: '…' },
      'What?': { golden_answers: 'Bob', context_with_info: '' },
    };
    const wanted = { ...file, 'What?': { golden_answers: ['Bob'], context_with_info: '' } };
    expect(parseOutputSequences(file)).toEqual(wanted);
    expect(() => parseOutputSequences({ 'Who?': {} })).toThrow(/no output_sequences file: Who\?/);
    expect(sequencesFileName('nq')).toBe('nq_output_sequences.json');
  });
});

const sorted = (file: ReturnType<RagCache['toFile']>): unknown =>
  Object.entries(file).map(([source, entries]) => [source, Object.entries(entries).sort()]);
