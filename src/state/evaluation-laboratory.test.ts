import 'fake-indexeddb/auto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHubServer, type HubServer } from '../../tests/servers/hub-server';
import type { EvaluationEvent } from '../evaluation/evaluation-types';
import {
  knowingModel,
  numberedQuestions,
  numberedRetriever,
} from '../evaluation/testing/scripted-laboratory';
import { createLocalLocks } from '../platform/storage/locks';
import type { RetrievalMode } from '../protocol/retrieval';
import { browserEvaluations, sourceFiles, type EvaluationPlatform } from './evaluation-laboratory';

let root = '';
let hub: HubServer;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-page-'));
  await mkdir(join(root, 'owner', 'set'), { recursive: true });
  await writeFile(join(root, 'owner', 'set', 'questions.dev.jsonl'), numberedQuestions(2));
  hub = await startHubServer(root);
});
afterAll(async () => {
  await hub.close();
  await rm(root, { recursive: true, force: true });
});

const places = (): Pick<EvaluationPlatform, 'fetch' | 'demoUrl' | 'hub'> => ({
  fetch: (input: string, init?: RequestInit) => fetch(input, init),
  demoUrl: `${hub.url}owner/set/resolve/main/`,
  hub: () => hub.url,
});
const blob = (text: string): Blob => new Blob([text]);
const textOf = async (bytes: Promise<Uint8Array>): Promise<string> => new TextDecoder().decode(await bytes);

describe('a source of questions', () => {
  it('is the demo beside the page, a file of the hub, a file or a folder that was handed over', async () => {
    const [demo] = sourceFiles('demo:dev', [], places());
    expect(await textOf(demo!.read())).toBe(numberedQuestions(2));
    const [remote] = sourceFiles('hf:datasets/owner/set/questions.dev.jsonl', [], places());
    expect(await textOf(remote!.read())).toBe(numberedQuestions(2));
    const handed = [
      { name: 'mine.jsonl', blob: blob('one') },
      { name: 'scifact/queries.jsonl', blob: blob('two') },
      { name: 'scifact/qrels/test.tsv', blob: blob('three') },
      { name: 'scifact2/queries.jsonl', blob: blob('four') },
    ];
    const [file] = sourceFiles('file:mine.jsonl', handed, places());
    expect([file?.path, await textOf(file!.read())]).toEqual(['mine.jsonl', 'one']);
    expect(sourceFiles('file:scifact', handed, places()).map(({ path }) => path)).toEqual([
      'queries.jsonl',
      'qrels/test.tsv',
    ]);
  });

  it.each(['file:gone.jsonl', '/etc/passwd', 'demo:train', 'mine.jsonl'])('%s is refused in words', (source) => {
    const handed = [{ name: 'mine.jsonl', blob: blob('one') }];
    expect(() => sourceFiles(source, handed, places())).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }) as Error);
  }); // prettier-ignore
});

function page(modes: RetrievalMode[] = ['dense', 'bm25']) {
  const log: string[] = [];
  const platform: EvaluationPlatform = {
    ...places(),
    locks: createLocalLocks(),
    openModel(reference, opened, onEvent) {
      log.push(`model ${reference} beside ${opened.join(' ')}`);
      onEvent({ part: 'searcher', phase: 'download', name: reference, progress: { done: 1, total: 4, unit: 'bytes' } }); // prettier-ignore
      onEvent({ part: 'searcher', phase: 'ready', name: reference });
      return Promise.resolve({ model: knowingModel(), local: true });
    },
    openCorpus(id, mode) {
      log.push(`corpus ${id} by ${mode}`);
      return Promise.resolve({ name: id, retriever: numberedRetriever() });
    },
    corpusModes: () => Promise.resolve(modes),
    released: () => void log.push('released'),
  };
  return { evaluations: browserEvaluations(platform), log };
}
const files = [{ name: 'q.jsonl', blob: blob(numberedQuestions(3)) }];
const config = { name: 'Page', systems: ['s3', 'naive-rag'], datasets: ['file:q.jsonl'] };

describe('evaluations of the page', () => {
  it('open each model and each way of searching once, say what they wait for, and let go of it all at the end', async () => {
    const { evaluations, log } = page();
    const models = { searcher: 'a', generator: 'b', judge: 'a' };
    const { id } = await evaluations.create({ ...config, models }, files);
    const told: string[] = [];
    const ended = new AbortController();
    const watching = (async () => {
      for await (const event of evaluations.watch(id, ended.signal)) told.push(words(event));
    })();
    expect(await evaluations.start(id)).toMatchObject({ status: 'finished', ok: 6, failed: 0 });
    ended.abort();
    await watching;
    expect(log).toEqual(['corpus demo by dense', 'model b beside b', 'model a beside b a', 'released']);
    expect(told).toContain('Downloading a 1/4');
    await evaluations.remove(id);
  });

  it('search a corpus without vectors by words, and one with them by words for the systems that do', async () => {
    for (const [modes, systems, expected] of [
      [['bm25'], ['s3'], ['corpus demo by bm25']],
      [
        ['dense', 'bm25'],
        ['s3', 'naive-rag-bm25'],
        ['corpus demo by dense', 'corpus demo by bm25'],
      ],
      [['dense', 'bm25'], ['naive-rag-bm25'], ['corpus demo by bm25', 'corpus demo by bm25']],
      [['dense', 'bm25'], ['direct'], []],
    ] as const) {
      const { evaluations, log } = page([...modes]);
      const { id } = await evaluations.create({ ...config, systems }, files);
      expect(await evaluations.start(id)).toMatchObject({ status: 'finished', failed: 0 });
      expect(log.filter((line) => line.startsWith('corpus'))).toEqual(expected);
      await evaluations.remove(id);
    }
  });

  it('are there again for a page that is opened anew', async () => {
    const first = page();
    const { id } = await first.evaluations.create(config, files);
    await first.evaluations.start(id);
    const second = page().evaluations;
    expect(await second.list()).toMatchObject([{ id, status: 'finished', ok: 6 }]);
    expect(await second.results(id)).toHaveLength(6);
    await second.remove(id);
    expect(await second.list()).toEqual([]);
  });
});

const words = (event: EvaluationEvent): string =>
  event.type === 'loading' ? `${event.message} ${event.done ?? ''}/${event.total ?? ''}` : event.type;
