/** The demo's questions, as they lie beside the page: JSON lines, checked before use. */
import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import type { Fetch } from '../protocol/clock';
import type { CorpusEntry, DemoQuestion } from './laboratory';
import { DEMO_CORPUS } from './settings';

const rowSchema = v.object({
  question: v.pipe(v.string(), v.nonEmpty()),
  golden_answers: v.array(v.string()),
  gold: v.array(v.string()),
  hops: v.pipe(v.number(), v.integer()),
});

export function parseDemoQuestions(text: string): DemoQuestion[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    try {
      const row = v.parse(rowSchema, JSON.parse(line));
      return [{ question: row.question, answers: row.golden_answers, goldIds: row.gold, hops: row.hops }];
    } catch (cause) {
      throw new AppError('INTEGRITY', `Line ${index + 1} of the demo questions is not sound.`, {
        fix: 'Reload the page.',
        cause,
      });
    }
  });
}

export async function fetchDemoQuestions(
  fetch: Fetch,
  base: string,
  signal?: AbortSignal,
): Promise<DemoQuestion[]> {
  const response = await fetch(`${base}questions.dev.jsonl`, signal ? { signal } : {});
  if (!response.ok) {
    throw new AppError('NOT_FOUND', 'The demo questions are not there.', {
      fix: 'Reload the page.',
      recoverable: true,
    });
  }
  return parseDemoQuestions(await response.text());
}

const manifestSchema = v.object({
  counts: v.object({ passages: v.number() }),
  files: v.object({ 'corpus.jsonl': v.object({ bytes: v.number() }) }),
});

/** The demo corpus as the list of corpora shows it; one request, made when first asked. */
export async function fetchDemoCorpus(fetch: Fetch, base: string): Promise<CorpusEntry> {
  const response = await fetch(`${base}manifest.json`);
  const manifest = response.ok ? v.safeParse(manifestSchema, await response.json()) : null;
  if (!manifest?.success) {
    throw new AppError('NOT_FOUND', 'The demo corpus is not there.', {
      fix: 'Reload the page.',
      recoverable: true,
    });
  }
  const { counts, files } = manifest.output;
  return {
    id: DEMO_CORPUS,
    name: 'Demo encyclopaedia',
    passages: counts.passages,
    bytes: files['corpus.jsonl'].bytes,
    encoder: 'demo-encoder',
    createdAt: '',
    builtIn: true,
  };
}
