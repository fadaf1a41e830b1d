import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../protocol/errors';
import { floatNumber, parseJsonText, styleOf, writeJsonText } from './json-text';
import {
  readOriginalFile,
  rewriteOriginalFile,
  writeResultFile,
  writeSequenceFile,
  writeStatsFile,
} from './original-files';

/** As Python's `json.dump(..., indent=4)` and `json.dump(...)` write them. */
const PYTHON_RESULTS = `{
    "nq": {
        "who wrote \\u00c9mile?": {
            "answer": "Rousseau",
            "score": 1,
            "em_score": 0
        },
        "1984?": {
            "answer": null,
            "score": 0,
            "em_score": 0
        }
    }
}`;
const PYTHON_STATS = `{"timestamp": "2025-06-22 10:00:00", "total_questions": 3, "processed_questions": 2, "data_source_stats": {"nq": {"total": 2, "correct": 1, "accuracy": 0.5, "no_context": 0, "em_correct": 0, "em_accuracy": 0.0}}, "remaining_questions": 1}`;
const PYTHON_SEQUENCES = `{"who?": {"golden_answers": ["Ada"], "context_with_info": "Doc 1 (Title: \\"A\\") x\\n", "response_str": "<|im_start|>"}}`;

describe('a file of the original scripts', () => {
  it.each([
    ['results', PYTHON_RESULTS],
    ['stats', PYTHON_STATS],
    ['sequences', PYTHON_SEQUENCES],
    ['results', `${PYTHON_RESULTS}\n`],
    [
      'results',
      '{"2":{"b?":{"answer":"x","score":true,"em_score":1.0,"more":[1e-05,{}]},"1":{"answer":"é","score":0}}}',
    ],
  ])('of %s is the same bytes when it is read and written again', (kind, text) => {
    const file = readOriginalFile(text);
    expect(file.kind).toBe(kind);
    expect(rewriteOriginalFile(file)).toBe(text);
  });

  it('gives the same bytes from what was read of it', () => {
    const results = readOriginalFile(PYTHON_RESULTS);
    expect(results.kind === 'results' && writeResultFile(results.file)).toBe(PYTHON_RESULTS);
    const stats = readOriginalFile(PYTHON_STATS);
    const sequences = readOriginalFile(PYTHON_SEQUENCES);
    const again = stats.kind === 'stats' ? writeStatsFile(stats.file) : '';
    expect(readOriginalFile(again)).toMatchObject({ file: stats.file });
    expect(again).toContain('"accuracy": 0.5,');
    expect(again).toContain('"em_accuracy": 0.0\n');
    expect(
      sequences.kind === 'sequences' && readOriginalFile(writeSequenceFile(sequences.file)),
    ).toMatchObject({
      file: sequences.file,
    });
  });

  it.each([
    '',
    '[]',
    '3',
    '{"a": 1}',
    '{"nq": {"q": {"answer": 3, "score": 1}}}',
    '{"a": {"a": 1',
    '{"a": {}, "a": {}}',
  ])('%j is refused', (text) => {
    expect(() => readOriginalFile(text)).toThrow(AppError);
  });
});

describe('JSON as text', () => {
  it('keeps every style and value, byte for byte', () => {
    const styles = [
      { indent: null, spaced: false, ascii: false },
      { indent: null, spaced: true, ascii: true },
      { indent: 2, spaced: true, ascii: false },
      { indent: 4, spaced: true, ascii: true },
    ];
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...styles), fc.boolean(), (value, style, finalNewline) => {
        const text = writeJsonText(parseJsonText(JSON.stringify(value)), { ...style, finalNewline });
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(writeJsonText(parseJsonText(text), styleOf(text))).toBe(text);
      }),
    );
  });

  it('is read as JavaScript reads it, or refused where that refuses', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((text) => text.slice(0, -1)),
        ),
        (text) => {
          let expected: unknown;
          let sound = true;
          try {
            expected = JSON.parse(text);
          } catch {
            sound = false;
          }
          if (!sound) expect(() => parseJsonText(text)).toThrow(AppError);
          else
            expect(JSON.stringify(JSON.parse(writeJsonText(parseJsonText(text), styleOf(text))))).toBe(
              JSON.stringify(expected),
            );
        },
      ),
    );
  });

  it.each([
    [1, '1.0'],
    [0, '0.0'],
    [0.5, '0.5'],
    [0.00001, '1e-05'],
    [0.0001, '0.0001'],
    [1e16, '1e+16'],
    [1.5e-7, '1.5e-07'],
    [2 / 3, '0.6666666666666666'],
  ])('writes the float %d as Python does', (value, text) => {
    expect(floatNumber(value).literal).toBe(text);
  });
});
