import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../protocol/errors';
import type { TraceFile } from '../protocol/trace';
import { createS3 } from './s3';
import { s3Settings, settingsRecord } from './settings';
import { collect, finish, ScriptedModel, ScriptedRetriever, search, tickingClock } from './testing/scripted';
import {
  importTrace,
  MAX_TRACE_CHARACTERS,
  serialiseTrace,
  traceFile,
  type ImportedTrace,
} from './trace-file';
import { foldTrace } from './trace-view';

let file: TraceFile;

beforeAll(async () => {
  const system = createS3({
    searcher: new ScriptedModel([search('b', [1]), finish([2])]),
    generator: new ScriptedModel(['Ada'], 'gen'),
    retriever: Object.assign(new ScriptedRetriever(), { how: 'hnsw on WASM, f16, ef 128' }),
    settings: { initialDocuments: 1, documentsPerQuery: 2 },
    clock: tickingClock(),
  });
  const events = await collect(system, 'Who?', { goldAnswers: ['Ada'], goldIds: ['b#2'] });
  const settings = settingsRecord(s3Settings());
  file = traceFile({ system: 's3', mode: 'paper', settings, startedAt: '2025-05-20T12:00:00.000Z' }, events);
});

function refusal(json: string): AppError {
  try {
    importTrace(json);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('The import was not refused.');
}

const edited = (
  change: (copy: Record<string, unknown> & { events: Record<string, unknown>[] }) => void,
): string => {
  const copy = JSON.parse(serialiseTrace(file)) as Record<string, unknown> & {
    events: Record<string, unknown>[];
  };
  change(copy);
  return JSON.stringify(copy);
};

describe('a trace file', () => {
  it('comes back as it was', () => {
    expect(importTrace(serialiseTrace(file))).toEqual({ file, warnings: [] });
  });

  it('says what answered the searches', () => {
    const { file: read } = importTrace(serialiseTrace(file));
    const searches = read.events.filter(({ type }) => type === 'retrieved');
    expect(searches.length).toBeGreaterThan(1);
    for (const search of searches) expect(search).toHaveProperty('how', 'hnsw on WASM, f16, ef 128');
  });

  it('holds no deltas', () => {
    expect(serialiseTrace(file)).not.toContain('"delta"');
    expect(foldTrace(file.events).status).toBe('answered');
  });

  it('may begin with a byte order mark', () => {
    expect(importTrace(`\ufeff${serialiseTrace(file)}`).file).toEqual(file);
  });

  it('holds failures of every kind, those of newer versions as INTERNAL', () => {
    const failed = {
      type: 'failed',
      turn: 1,
      atMs: 1,
      error: { code: 'NEW', message: 'm', fix: '', recoverable: false },
    };
    const json = edited((copy) => copy.events.push(failed));
    expect(importTrace(json).file.events.at(-1)).toMatchObject({
      type: 'failed',
      error: { code: 'INTERNAL' },
    });
  });
});

describe('the import', () => {
  it('leaves out events of unknown types and says so', () => {
    const json = edited((copy) => copy.events.push({ type: 'judged', turn: 1, atMs: 1 }));
    const { file: read, warnings } = importTrace(json);
    expect(read).toEqual(file);
    expect(warnings).toEqual([
      `Event ${file.events.length + 1} has an unknown type, "judged", and was left out.`,
    ]);
  });

  it('does not drown in warnings', () => {
    const json = edited((copy) => {
      for (let i = 0; i < 500; i++) copy.events.push({ type: `new${i}` });
    });
    expect(importTrace(json).warnings.length).toBeLessThanOrEqual(51);
  });

  it('drops fields it does not know', () => {
    const json = edited((copy) => {
      copy['extra'] = 1;
      Object.assign(copy.events[0] ?? {}, { html: '<script>' });
    });
    expect(importTrace(json).file).toEqual(file);
  });

  it('drops selected numbers that were not shown', () => {
    const json = edited((copy) => {
      const selected = copy.events.find((e) => e['type'] === 'selected');
      Object.assign(selected ?? {}, { numbers: [1, 77], passageIds: ['x', 'forged'] });
    });
    const { file: read, warnings } = importTrace(json);
    expect(read.events.find((e) => e.type === 'selected')).toMatchObject({
      numbers: [1],
      passageIds: ['Who?#1'],
    });
    expect(warnings).toHaveLength(1);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another format', '{"format":"other","version":1}'],
    ['deep nesting', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`],
    ['very deep nesting', '['.repeat(200_000)],
  ])('refuses %s with a reason and a remedy', (_, json) => {
    const error = refusal(json);
    expect(error.code).toBe('BAD_INPUT');
    expect(error.fix).not.toBe('');
  });

  it('refuses nesting beyond any trace’s even in a field that it would drop', () => {
    const json = edited((copy) => {
      copy['extra'] = JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`) as unknown;
    });
    expect(refusal(json).message).toContain('nested');
  });

  it('names the event and the field that is wrong', () => {
    const json = edited((copy) => Object.assign(copy.events[1] ?? {}, { tookMs: 'soon' }));
    expect(refusal(json).message).toMatch(/^Event 2 .*"tookMs"/);
  });

  it('tells a newer version apart', () => {
    expect(refusal(edited((copy) => (copy['version'] = 2))).code).toBe('UNSUPPORTED');
  });

  it('refuses a file that is too large before reading it', () => {
    expect(refusal(' '.repeat(MAX_TRACE_CHARACTERS + 1)).message).toContain('characters');
  });

  it('refuses too many events', () => {
    const json = edited((copy) => (copy.events = Array.from({ length: 10_001 }, () => ({ type: 'x' }))));
    expect(refusal(json).code).toBe('BAD_INPUT');
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses the key %s at any depth', (key) => {
    const inside = serialiseTrace(file).replace(
      '"settings": {',
      `"settings": {"${key}": {"polluted": true},`,
    );
    expect(refusal(inside).message).toContain(key);
    const event = serialiseTrace(file).replace('"type": "question",', `"type": "question", "${key}": 1,`);
    expect(refusal(event).message).toContain(key);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('either refuses or gives a trace that the page can draw, for 10,000 broken files', () => {
    const text = JSON.stringify(file);
    const json = fc.oneof(
      fc.json(),
      // Characters of a sound file exchanged, removed or repeated.
      fc
        .array(fc.tuple(fc.nat(text.length - 1), fc.nat(20), fc.string({ maxLength: 6 })), {
          minLength: 1,
          maxLength: 3,
        })
        .map((edits) =>
          edits.reduce((t, [at, length, put]) => t.slice(0, at) + put + t.slice(at + length), text),
        ),
      // One value of a sound file exchanged for another.
      fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 3 })).map(([n, value]) => exchanged(text, n, value)),
    );
    fc.assert(
      fc.property(json, (broken) => {
        let read: ImportedTrace;
        try {
          read = importTrace(broken);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          return;
        }
        const view = foldTrace(read.file.events);
        for (const turn of view.turns) {
          for (const d of turn.window?.documents ?? []) expect(typeof d.text).toBe('string');
        }
        expect(importTrace(serialiseTrace(read.file)).file).toEqual(read.file);
      }),
      { numRuns: 10_000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  }, 120_000);
});

/** The n-th value of the document replaced. */
function exchanged(text: string, n: number, value: unknown): string {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const root = JSON.parse(text) as Record<string, unknown>;
  const walk = (holder: Record<string, unknown>): void => {
    for (const [key, child] of Object.entries(holder)) {
      places.push({ holder, key });
      if (typeof child === 'object' && child !== null) walk(child as Record<string, unknown>);
    }
  };
  walk(root);
  const place = places[n % places.length];
  if (place) place.holder[place.key] = value;
  return JSON.stringify(root);
}
