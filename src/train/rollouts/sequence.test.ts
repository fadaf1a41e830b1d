import fc from 'fast-check';
import { expect, it } from 'vitest';
import { trainingSequence, type RecordedEpisode } from './sequence';

const END = 0;
const token = fc.integer({ min: 1, max: 50 });
const tokens = (minLength = 0) => fc.array(token, { minLength, maxLength: 8 });
const ALL = { start: Infinity, response: Infinity };

/** Turns: what was sampled, whether it ended by itself, what stayed of it (undefined: all), and what was observed then. */
const turn = fc.record({
  sampled: tokens(1),
  ended: fc.boolean(),
  kept: fc.option(tokens(), { nil: undefined, freq: 3 }),
  observed: tokens(),
});
const episode = fc
  .record({ prompt: tokens(1), turns: fc.array(turn, { maxLength: 4 }), last: turn, dropped: fc.boolean() })
  .map(({ prompt, turns, last, dropped }) => {
    const call = ({ sampled, ended }: typeof last, i: number) => ({
      tokens: ended ? [...sampled, END] : sampled,
      logProbs: [...sampled, END].map((_, t) => -(i + 1) - t / 100),
      dropped: dropped && i === turns.length ? 1 : 0,
    });
    const recorded: RecordedEpisode = {
      prompt,
      segments: turns.flatMap(({ sampled, kept, observed }) => [
        { kind: 'generated' as const, text: '', tokens: kept ?? sampled },
        { kind: 'observation' as const, text: '', tokens: observed },
      ]),
      calls: [...turns, last].map(call),
    };
    return recorded;
  });

it('holds prompt, context and last response in their order, actions where the policy wrote', () => {
  fc.assert(
    fc.property(episode, (recorded) => {
      const { prompt, segments, calls } = recorded;
      const sequence = trainingSequence(recorded, ALL);
      const last = calls.at(-1)?.tokens ?? [];
      const context = segments.flatMap((segment) => [...segment.tokens]);
      expect(sequence.tokens).toEqual([...prompt, ...context, ...last]);
      const wanted = [
        ...prompt.map(() => 0),
        ...segments.flatMap(({ kind, tokens: own }) => own.map(() => (kind === 'generated' ? 1 : 0))),
        ...last.map(() => 1),
      ];
      expect([...sequence.actions]).toEqual(wanted);
      expect(sequence.logProbs).toHaveLength(sequence.tokens.length);
    }),
  );
});

it('has a log-probability for exactly the actions that were sampled as they stand, behind what they stand behind', () => {
  fc.assert(
    fc.property(episode, (recorded) => {
      const { prompt, segments, calls } = recorded;
      const { logProbs, exactLogProbs } = trainingSequence(recorded, ALL);
      let at = prompt.length;
      let all = true;
      const responses = segments.filter(({ kind }) => kind === 'generated').map((segment) => segment.tokens);
      const observations = segments
        .filter(({ kind }) => kind === 'observation')
        .map((segment) => segment.tokens);
      calls.forEach((call, i) => {
        const response = responses[i] ?? call.tokens;
        let same = call.dropped === 0;
        response.forEach((id, t) => {
          same &&= id === call.tokens[t];
          expect(logProbs[at]).toBeCloseTo(same ? (call.logProbs[t] ?? NaN) : 0, 5);
          all &&= same;
          at += 1;
        });
        at += observations[i]?.length ?? 0;
      });
      expect(exactLogProbs).toBe(all);
    }),
  );
});

it('cut at either end is a part of the whole, and inexact where its beginning is missing', () => {
  fc.assert(
    fc.property(episode, fc.nat(10), fc.nat(40), (recorded, start, response) => {
      const whole = trainingSequence(recorded, ALL);
      const cut = trainingSequence(recorded, { start: start + 1, response });
      const from = Math.max(0, whole.promptLength - start - 1);
      expect(cut.promptLength).toBe(whole.promptLength - from);
      const to = Math.min(whole.tokens.length, whole.promptLength + response);
      expect(cut.tokens).toEqual(whole.tokens.slice(from, to));
      expect(cut.actions).toEqual(whole.actions.slice(from, to));
      if (from > 0) expect(cut.exactLogProbs).toBe(!cut.actions.includes(1));
      else expect(cut.logProbs).toEqual(whole.logProbs.slice(0, to));
    }),
  );
});

it('is refused where responses and context do not go together', () => {
  const calls = [{ tokens: [1], logProbs: [-1], dropped: 0 }];
  const segments = [{ kind: 'generated' as const, text: '', tokens: [1] }];
  expect(() => trainingSequence({ prompt: [1], segments, calls }, ALL)).toThrow(/do not match/);
  expect(() => trainingSequence({ prompt: [1], segments: [], calls: [...calls, ...calls] }, ALL)).toThrow(
    /do not match/,
  );
});
