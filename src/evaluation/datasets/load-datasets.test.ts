import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { readEvaluationConfig } from '../config';
import type { DatasetChoice } from '../evaluation-types';
import { jsonLines, textFile } from '../testing/scripted-laboratory';
import { verlParquet } from '../testing/verl-parquet';
import { loadDatasets } from './load-datasets';
import type { SourceFile } from './source-file';

const bytesFile = (path: string, bytes: Uint8Array<ArrayBuffer>): SourceFile => ({
  path,
  read: () => Promise.resolve(bytes),
});

const configOf = (dataset: Partial<DatasetChoice>, more: object = {}) =>
  readEvaluationConfig({
    systems: ['s3'],
    datasets: [{ source: 'x', name: 'x', ...dataset }],
    sampling: { limit: null },
    ...more,
  });

const load = (files: SourceFile | SourceFile[], dataset: Partial<DatasetChoice> = {}, more: object = {}) =>
  loadDatasets(configOf(dataset, more), () => Promise.resolve([files].flat()));

const rows = (...given: unknown[]) => textFile('rows.jsonl', jsonLines(given));

describe('a row is recognised by its fields', () => {
  it.each([
    [
      'flashrag',
      { id: 'test_0', question: 'who wrote hamlet', golden_answers: ['Shakespeare'], metadata: {} },
      { id: 'test_0', question: 'who wrote hamlet?', goldAnswers: ['Shakespeare'] },
    ],
    [
      'verl',
      {
        data_source: 'google/nq_open',
        prompt: [{ role: 'user', content: 'who wrote hamlet' }],
        reward_model: { ground_truth: 'Shakespeare, Will', style: 'rule' },
        extra_info: {
          answer: ['Shakespeare', 'Will'],
          index: 3,
          question: 'who wrote hamlet',
          split: 'test',
        },
      },
      { id: 'test_3', question: 'who wrote hamlet?', goldAnswers: ['Shakespeare', 'Will'] },
    ],
    [
      'verl',
      {
        data_source: 'nq',
        prompt: [{ role: 'user', content: 'You are a search copilot …' }],
        reward_model: { ground_truth: { question: 'who?', target: ['Ada'], gt_docs: [] }, style: 'rule' },
        extra_info: { split: 'test', index: 0 },
      },
      { question: 'who?', goldAnswers: ['Ada'] },
    ],
    [
      'verl',
      {
        data_source: 'pubmed',
        prompt: [
          { role: 'user', content: 'System … PICO:\nP: adults\nI: aspirin\nC: \nO: pain\n<|im_end|>' },
        ],
        reward_model: { ground_truth: { target: ['123', '456'] } },
      },
      { question: 'P: adults\nI: aspirin\nC: \nO: pain', goldAnswers: [], goldIds: ['123', '456'] },
    ],
    [
      'hotpotqa',
      {
        _id: '5a',
        question: 'Which?',
        answer: 'yes',
        supporting_facts: [['A', 0]],
        context: [['A', ['x']]],
        type: 'bridge',
        level: 'hard',
      },
      { id: '5a', question: 'Which?', goldAnswers: ['yes'], kind: 'bridge' },
    ],
    [
      '2wikimultihopqa',
      {
        _id: '8',
        question: 'Who?',
        answer: 'Ada',
        supporting_facts: [],
        context: [],
        evidences: [['a', 'b', 'c']],
        type: 'compositional',
      },
      { id: '8', goldAnswers: ['Ada'], kind: 'compositional' },
    ],
    [
      'musique',
      {
        id: '3hop1__1_2_3',
        paragraphs: [{ idx: 0, paragraph_text: 'x' }],
        question: 'Who?',
        question_decomposition: [{}, {}, {}],
        answer: 'Ada',
        answer_aliases: ['A. L.'],
        answerable: true,
      },
      { id: '3hop1__1_2_3', goldAnswers: ['Ada', 'A. L.'], hops: 3 },
    ],
    [
      'nq-open',
      { question: 'who', answer: ['Ada', 'Byron'] },
      { question: 'who?', goldAnswers: ['Ada', 'Byron'] },
    ],
    [
      'triviaqa',
      {
        question: 'Who?',
        question_id: 'tc_1',
        answer: { value: 'Ada', aliases: ['Ada', 'Lovelace'], normalized_value: 'ada' },
      },
      { id: 'tc_1', goldAnswers: ['Ada', 'Lovelace'] },
    ],
    [
      'popqa',
      { id: 42, subj: 'x', prop: 'y', question: 'Who?', possible_answers: '["Ada", "Lovelace"]' },
      { id: '42', goldAnswers: ['Ada', 'Lovelace'] },
    ],
    ['bamboogle', { Question: 'Who?', Answer: 'Ada' }, { question: 'Who?', goldAnswers: ['Ada'] }],
    [
      'deepretrieval',
      {
        id: 'M1',
        pico: { P: 'adults', I: 'aspirin', C: '', O: 'less\npain' },
        trial_nctids: ['NCT1'],
        pub_date: '2021/01/01',
      },
      { id: 'M1', question: 'P: adults\nI: aspirin\nC: \nO: less pain', goldAnswers: [], goldIds: ['NCT1'] },
    ],
    [
      'jsonl',
      {
        id: 'q1',
        question: 'Who?',
        answers: ['Ada'],
        gold: ['p1', 'p2'],
        hops: [{ q: 'a' }, { q: 'b' }],
        type: 'bridge',
      },
      { id: 'q1', goldAnswers: ['Ada'], goldIds: ['p1', 'p2'], hops: 2, kind: 'bridge' },
    ],
    ['jsonl', { question: 'Is it 3?', answer: 3 }, { goldAnswers: ['3'] }],
  ])('%s', async (format, row, expected) => {
    const { datasets, questions } = await load(rows(row));
    expect(datasets[0]).toMatchObject({ format, available: 1, questions: 1 });
    expect(questions[0]).toMatchObject({ dataset: 'x', ...expected });
  });
});

describe('a file', () => {
  it('of MIRAGE becomes its sets, with the options in the question and the letter in the gold answer', async () => {
    const question = { question: 'Which nerve?', options: { A: 'vagus', B: 'facial' }, answer: 'B' };
    const file = textFile(
      'benchmark.json',
      JSON.stringify({
        medqa: { '0001': question },
        mmlu: { 'a-0': question, broken: { question: 'x', options: {}, answer: 'A' } },
      }),
    );
    const { datasets, questions } = await load(file);
    expect(datasets).toMatchObject([
      { name: 'medqa', format: 'mirage', accuracy: 'choice', available: 1 },
      { name: 'mmlu', accuracy: 'choice', notes: ['1 rows without a question or an answer were left out.'] },
    ]);
    expect(questions[0]).toEqual({
      id: '0001',
      dataset: 'medqa',
      question: 'Which nerve?\nOptions:\nA: vagus\nB: facial\n',
      goldAnswers: ['B: facial'],
      options: { A: 'vagus', B: 'facial' },
    });
    const one = await load(file, { part: 'mmlu' });
    expect(one.datasets).toMatchObject([{ name: 'x', questions: 1 }]);
    await expect(load(file, { part: 'bioasq' })).rejects.toMatchObject({ fix: 'It has medqa, mmlu.' });
  });

  it('of Parquet, packed with gzip or not, is read with lists and groups; sources become sets', async () => {
    for (const bytes of [verlParquet(), new Uint8Array(gzipSync(verlParquet()))]) {
      const { datasets, questions } = await load(bytesFile('test.parquet', bytes));
      expect(datasets).toMatchObject([
        { name: 'nq', format: 'verl' },
        { name: 'hotpotqa', format: 'verl' },
      ]);
      expect(questions).toMatchObject([
        { id: 'test_0', question: 'who wrote hamlet?', goldAnswers: ['Shakespeare', 'William Shakespeare'] },
        { id: 'test_7', question: 'Which river is longer?', goldAnswers: ['Nile'] },
      ]);
    }
  });

  it('of a table has quoted fields with separators and line ends in them', async () => {
    const text = 'Question,Answer\r\n"Who, in ""Rome"",\nwas it?",Nero\n';
    expect((await load(textFile('b.csv', text))).questions).toMatchObject([
      { question: 'Who, in "Rome",\nwas it?', goldAnswers: ['Nero'] },
    ]);
    const tsv = 'id\tsubj\tquestion\tpossible_answers\n1\tx\tWho is it?\t"[""Ada"", ""A""]"\n';
    expect((await load(textFile('popqa.tsv', tsv))).questions).toMatchObject([
      { id: '1', question: 'Who is it?', goldAnswers: ['Ada', 'A'] },
    ]);
  });

  it('with TriviaQA in its own form, and a list under a name, is read', async () => {
    const trivia = {
      Data: [{ Question: 'Who?', QuestionId: 'qw_1', Answer: { Value: 'Ada', Aliases: ['A'] } }],
      Version: 1,
    };
    expect((await load(textFile('qa.json', JSON.stringify(trivia)))).datasets).toMatchObject([
      { format: 'triviaqa' },
    ]);
    const named = { version: '1', data: [{ question: 'Who?', answers: ['Ada'] }] };
    expect((await load(textFile('qa.json', JSON.stringify(named)))).questions).toHaveLength(1);
  });
});

describe('a folder', () => {
  it('of BEIR gives the queries that have judgements, with what is relevant', async () => {
    const files = [
      textFile('corpus.jsonl', '{"_id": "d1"}'),
      textFile(
        'queries.jsonl',
        jsonLines([
          { _id: '1', text: 'A claim.' },
          { _id: '2', text: 'Another.' },
        ]),
      ),
      textFile('qrels/train.tsv', 'query-id\tcorpus-id\tscore\n2\td2\t1\n'),
      textFile('qrels/test.tsv', 'query-id\tcorpus-id\tscore\n1\td1\t2\n1\td2\t1\n1\td3\t0\n'),
    ];
    const { datasets, questions } = await load(files);
    expect(datasets).toMatchObject([{ format: 'beir', available: 1 }]);
    expect(questions).toEqual([
      {
        id: '1',
        dataset: 'x',
        question: 'A claim.',
        goldAnswers: [],
        goldIds: ['d1', 'd2'],
        relevance: { d1: 2, d2: 1 },
      },
    ]);
    expect((await load(files, { part: 'train' })).questions).toMatchObject([{ id: '2', goldIds: ['d2'] }]);
  });

  it('with tables of queries and TREC judgements is one as well', async () => {
    const files = [
      textFile('queries.test.tsv', '7\tA claim\n8\tAnother\n'),
      textFile('qrels.test.txt', '7 0 d9 1\n'),
    ];
    expect((await load(files)).questions).toMatchObject([{ id: '7', question: 'A claim', goldIds: ['d9'] }]);
  });

  it('of splits gives the test questions, or those of the split that is named', async () => {
    const files = ['train', 'dev', 'test'].map((split) =>
      textFile(`${split}.jsonl`, jsonLines([{ id: split, question: 'Who?', golden_answers: ['x'] }])),
    );
    expect((await load(files)).questions).toMatchObject([{ id: 'test' }]);
    expect((await load(files.slice(0, 2))).questions).toMatchObject([{ id: 'dev' }]);
  });

  it('of several files that are no splits asks which', async () => {
    const files = ['a', 'b'].map((name) =>
      textFile(`${name}.jsonl`, '{"question": "Who?", "answers": ["x"]}'),
    );
    await expect(load(files)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringContaining('a.jsonl, b.jsonl') as string,
    });
  });
});

describe("s3's rules", () => {
  it('end every question with a question mark and ask PopQA’s once, and say so', async () => {
    const same = { question: 'Who is it', possible_answers: '["x"]' };
    const { datasets, questions } = await load(
      rows(same, { ...same, id: 'b' }, { question: 'What?', possible_answers: '["y"]' }),
    );
    expect(questions.map(({ question }) => question)).toEqual(['Who is it?', 'What?']);
    expect(datasets[0]?.notes).toEqual([
      'A question mark was added to 2 questions, as s3 does.',
      '1 repeated questions were left out, as s3 does.',
    ]);
  });

  it('keep repeated questions of other sets, and every id unique', async () => {
    const same = { id: 'a', question: 'Who?', golden_answers: ['x'] };
    const { questions } = await load(rows(same, same, same));
    expect(questions.map(({ id }) => id)).toEqual(['a', 'a#2', 'a#3']);
  });
});

describe('a sample', () => {
  const many = (name: string, count: number) =>
    textFile(
      name,
      jsonLines(
        Array.from({ length: count }, (_, i) => ({ id: `${name}${i}`, question: `${i}?`, answers: ['x'] })),
      ),
    );
  const sample = (sizes: number[], sampling: object) =>
    loadDatasets(
      readEvaluationConfig({ systems: ['s3'], datasets: sizes.map((_, i) => `${i}`), sampling }),
      ({ source }) => Promise.resolve([many(source, sizes[Number(source)] ?? 0)]),
    );

  it('is the same for the same seed, another for another, in the order of the set, and said in the notes', async () => {
    const [a, b, c] = await Promise.all([
      sample([50], { limit: 9, seed: 1 }),
      sample([50], { limit: 9, seed: 1 }),
      sample([50], { limit: 9, seed: 2 }),
    ]);
    expect(a).toEqual(b);
    expect(a.questions).not.toEqual(c.questions);
    const numbers = a.questions.map(({ id }) => Number(id.slice(1)));
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
    expect(a.datasets[0]?.notes).toEqual(['9 of 50 questions, drawn with seed 1.']);
    expect((await sample([50], { limit: 2, seed: null })).questions.map(({ id }) => id)).toEqual([
      '00',
      '01',
    ]);
  });

  it('over all sets is spread as evenly as they go', async () => {
    const sizes = async (given: number[], limit: number) =>
      (await sample(given, { limit, per: 'all', seed: 0 })).datasets.map(({ questions }) => questions);
    expect(await sizes([30, 30, 30, 30, 30, 30], 10)).toEqual([2, 2, 2, 2, 1, 1]);
    expect(await sizes([1, 30, 2], 10)).toEqual([1, 7, 2]);
    expect(await sizes([3, 3], 100)).toEqual([3, 3]);
  });
});

describe('whatever the file', () => {
  /** Resolves to the questions, or to the refusal; anything else fails the test. */
  const outcome = async (file: SourceFile, dataset: Partial<DatasetChoice> = {}) => {
    try {
      return (await load(file, dataset)).questions;
    } catch (error) {
      if (error instanceof AppError && error.code === 'BAD_INPUT' && error.fix !== '') return undefined;
      throw error;
    }
  };
  const sound = (questions: Awaited<ReturnType<typeof outcome>>) => {
    for (const { id, question, goldAnswers, goldIds } of questions ?? []) {
      expect(id).not.toBe('');
      expect(question.trim()).not.toBe('');
      expect(goldAnswers.length + (goldIds?.length ?? 0)).toBeGreaterThan(0);
    }
    expect(new Set(questions?.map(({ id, dataset }) => `${dataset} ${id}`)).size).toBe(
      questions?.length ?? 0,
    );
  };
  const names = ['id', 'question', 'Question', 'Answer', 'answer', 'answers', 'golden_answers', 'possible_answers', 'pico',
    'trial_nctids', 'reward_model', 'prompt', 'data_source', 'extra_info', 'supporting_facts', 'context', 'evidences', 'paragraphs',
    'options', 'metadata', 'hops', 'gold', 'dataset', 'ground_truth', 'target', 'P', 'value', 'aliases', '__proto__', 'Data']; // prettier-ignore
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.boolean(),
    fc.constantFrom('["a"]', '[', 'Who?'),
  );
  const { row } = fc.letrec((tie) => ({
    row: fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 6 }),
    value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('row')),
  }));

  it('rows of known names with anything in them are read or refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 4 }),
        fc.constantFrom(undefined, 'verl', 'mirage', 'musique', 'jsonl'),
        async (list, format) => {
          const dataset = format === undefined ? {} : ({ format } as const);
          sound(await outcome(textFile('x.jsonl', jsonLines(list)), dataset));
          sound(await outcome(textFile('x.json', JSON.stringify(list[0] ?? {})), dataset));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('bytes and texts are read or refused, also behind the magic of Parquet and gzip', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('', 'PAR1', '\x1f\x8b', '{', '[{', 'question,answer\n'),
        fc.constantFrom('x.jsonl', 'x.csv', 'x.tsv', 'x.parquet', 'queries.jsonl'),
        async (bytes, magic, path) => {
          const head = Uint8Array.from(magic, (c) => c.charCodeAt(0));
          sound(
            await outcome(
              bytesFile(path, new Uint8Array([...head, ...bytes, ...(magic === 'PAR1' ? head : [])])),
            ),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a Parquet file that was cut short, or whose page headers are damaged, is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: verlParquet().length - 1 }), async (end) => {
        expect(await outcome(bytesFile('x.parquet', verlParquet().slice(0, end)))).toBeUndefined();
      }),
    );
    // Of the first page's header: its sizes, its counts (at 15 the field of the rows ends), the bytes of its levels; then of the schema.
    for (const [at, byte] of [
      [5, 9],
      [7, 255],
      [9, 0],
      [11, 0],
      [12, 128],
      [13, 129],
      [15, 0],
      [17, 17],
      [19, 0],
      [20, 255],
      [100, 0],
      [499, 1],
      [683, 11],
    ] as const) {
      // prettier-ignore
      const bytes = verlParquet();
      bytes[at] = byte;
      expect(await outcome(bytesFile('x.parquet', bytes)), `byte ${at}`).toBeUndefined();
    }
    // Runs of levels that say they are millions of times as long as the page.
    for (const [at, run] of [
      [110, [254, 128, 254]],
      [195, [162, 165, 254, 127, 33]],
      [270, [166, 167, 145, 174, 21]],
      [386, [166, 205, 255]],
    ] as const) {
      const bytes = verlParquet();
      bytes.set(run, at);
      expect(await outcome(bytesFile('x.parquet', bytes)), `run at ${at}`).toBeUndefined();
    }
  });

  it('a table gives back the fields that were written into it', async () => {
    const field = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => text.trim() !== '' && !text.includes('\r'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 5 }), async (pairs) => {
        const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = `Question,Answer\n${pairs.map((pair) => pair.map(quote).join(',')).join('\n')}\n`;
        const { questions } = await load(textFile('x.csv', text));
        expect(questions.map(({ goldAnswers }) => goldAnswers.length)).toEqual(pairs.map(() => 1));
        expect(questions.map(({ question }) => question.replace(/\?$/, ''))).toEqual(
          pairs.map(([q]) => q.trim().replace(/\?$/, '')),
        );
      }),
    );
  });
});
