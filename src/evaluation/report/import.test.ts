import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import {
  knowingModel,
  numberedQuestions,
  scriptedEvaluations,
  textFile,
} from '../testing/scripted-laboratory';
import { importEvaluation } from './import';
import { readOriginalFile, rewriteOriginalFile, writeResultFile } from './original-files';

const identity = { id: 'e1', at: '2026-01-02T03:04:05.000Z' };

/** The evaluation, or undefined where it is refused in words; anything else fails the test. */
function outcome(text: string, name = 'x.json') {
  try {
    return importEvaluation('', [{ name, text }], identity);
  } catch (error) {
    if (error instanceof AppError && error.code === 'BAD_INPUT' && error.fix !== '') return undefined;
    throw error;
  }
}

async function archive(): Promise<string> {
  const { evaluations } = scriptedEvaluations({
    sources: { q: [textFile('q.jsonl', numberedQuestions(3))] },
    models: { demo: knowingModel() },
  });
  const { id } = await evaluations.create({ systems: ['naive-rag'], datasets: ['q'] });
  await evaluations.start(id);
  return (await evaluations.export(id, 'archive'))[0]?.text ?? '';
}

describe('a file to import, whatever is in it,', () => {
  it('is read or refused in words', () => {
    const head = '{"format":"s3-web/evaluation-archive","version":1,"record":';
    const text = fc.oneof(fc.string(), fc.json(), fc.json().map((json) => `${head}${json}}\n${json}`));
    fc.assert(fc.property(text, (content) => void outcome(content)), { numRuns: 500 });
  }); // prettier-ignore

  it('is read or refused where an archive is damaged anywhere', async () => {
    const sound = await archive();
    expect(outcome(sound)?.entries).toHaveLength(3);
    const damage = fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 40 }), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(damage, ([at, gone, instead]) => {
        const imported = outcome(sound.slice(0, at) + instead + sound.slice(at + gone));
        if (imported) expect(imported.record).toMatchObject({ id: 'e1', imported: true });
      }),
      { numRuns: 300 },
    );
  }); // prettier-ignore

  it('gives the same bytes again where it is a result file of the original', () => {
    const answer = fc.oneof(fc.constant(null), fc.string({ unit: 'binary' }));
    const entry = fc.record({ answer, score: fc.constantFrom(0, 1), em_score: fc.constantFrom(0, 1) });
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const entries = fc.uniqueArray(fc.tuple(name, entry), { selector: ([key]) => key, minLength: 1, maxLength: 4 });
    const sets = fc.uniqueArray(fc.tuple(name, entries), { selector: ([key]) => key, minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(sets, (list) => {
        const file = new Map(list.map(([set, answers]) => [set, new Map(answers)]));
        const text = writeResultFile(file);
        const read = readOriginalFile(text);
        expect(rewriteOriginalFile(read)).toBe(text);
        expect(read.kind === 'results' && writeResultFile(read.file)).toBe(text);
        expect(read.kind === 'results' && read.file).toEqual(file);
      }),
      { numRuns: 30 },
    );
  }); // prettier-ignore
});
