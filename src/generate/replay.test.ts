import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GenerateEvent, GeneratedToken, Usage } from '../protocol/language-model';
import { Replay } from './replay';

const usage: Usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 3, prefillMs: 1, decodeMs: 1 };
const token = (text: string, id: number): GeneratedToken => ({ id, text });

/** The same text cut into deltas of other lengths, as another batch would bring it. */
const deltas = (pieces: readonly string[]): GenerateEvent[] =>
  pieces.map((text, id) => ({ type: 'delta', text, tokens: [token(text, id)] }));

describe('Replay', () => {
  it('hands out every text and token once, wherever the generation is begun anew', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 4 }), { maxLength: 12 }),
        fc.nat(12),
        fc.nat(12),
        (pieces, a, b) => {
          const replay = new Replay();
          const out: GenerateEvent[] = [];
          const events: GenerateEvent[] = [
            ...deltas(pieces),
            { type: 'done', text: pieces.join(''), finishReason: 'eos', usage },
          ];
          for (const stop of [Math.min(a, pieces.length), Math.min(b, pieces.length), events.length]) {
            replay.restart();
            for (const event of events.slice(0, stop)) {
              const passed = replay.pass(event);
              if (passed) out.push(passed);
            }
          }
          const given = out.flatMap((event) => (event.type === 'delta' ? [event] : []));
          expect(given.map(({ text }) => text).join('')).toBe(pieces.join(''));
          expect(given.flatMap(({ tokens }) => tokens?.map(({ id }) => id) ?? [])).toEqual(
            pieces.map((_, id) => id),
          );
          expect(out.at(-1)).toEqual(events.at(-1));
        },
      ),
    );
  });

  it('says that the text broke off where it comes out differently', () => {
    const replay = new Replay();
    for (const event of deltas(['The ', 'bridge'])) replay.pass(event);
    replay.restart();
    expect(replay.pass({ type: 'delta', text: 'The' })).toBeNull();
    expect(() => replay.pass({ type: 'delta', text: ' river' })).toThrow(/cannot be continued/);
    replay.restart();
    expect(() => replay.pass({ type: 'done', text: 'A', finishReason: 'eos', usage })).toThrow(
      /cannot be continued/,
    );
  });
});
