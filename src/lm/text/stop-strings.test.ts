import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopStrings } from './stop-strings';

interface Run {
  text: string;
  stopped: string | undefined;
  pieces: string[];
}

function run(pieces: readonly string[], stops: readonly string[], keep: boolean): Run {
  const matcher = new StopStrings(stops, keep);
  const given: string[] = [];
  let stopped: string | undefined;
  for (const piece of pieces) {
    const result = matcher.push(piece);
    given.push(result.text);
    stopped = result.stopped ?? stopped;
  }
  given.push(matcher.flush());
  return { text: given.join(''), stopped, pieces: given };
}

/** The definition, character by character: the text ends where the first stop string is complete. */
function expected(text: string, stops: readonly string[], keep: boolean): Omit<Run, 'pieces'> {
  for (let end = 0; end <= text.length; end++) {
    const complete = stops
      .filter((stop) => stop !== '' && text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length)[0];
    if (complete !== undefined) {
      return { text: text.slice(0, keep ? end : end - complete.length), stopped: complete };
    }
  }
  return { text, stopped: undefined };
}

describe('StopStrings', () => {
  it('finds a stop string that is spread over pieces, and drops or keeps it', () => {
    const pieces = ['<query>x</', 'que', 'ry> and more'];
    expect(run(pieces, ['</query>'], false)).toMatchObject({ text: '<query>x', stopped: '</query>' });
    expect(run(pieces, ['</query>'], true)).toMatchObject({ text: '<query>x</query>', stopped: '</query>' });
  });

  it('hands out at once what cannot be part of a stop string, and holds the rest back', () => {
    const matcher = new StopStrings(['</query>'], false);
    expect(matcher.push('abc</qu')).toEqual({ text: 'abc' });
    expect(matcher.push('ark')).toEqual({ text: '</quark' });
    expect(matcher.push('</query')).toEqual({ text: '' });
    expect(matcher.flush()).toBe('</query');
  });

  it('holds nothing back when the stop string is kept anyway', () => {
    const matcher = new StopStrings(['</query>'], true);
    expect(matcher.push('abc</qu')).toEqual({ text: 'abc</qu' });
    expect(matcher.push('ery>tail')).toEqual({ text: 'ery>', stopped: '</query>' });
  });

  it('says nothing more after the end', () => {
    const matcher = new StopStrings(['.'], false);
    matcher.push('one. two');
    expect(matcher.push('three')).toEqual({ text: '' });
    expect(matcher.flush()).toBe('');
  });

  it('passes everything through without stop strings, and ignores empty ones', () => {
    expect(run(['a', 'b'], [], false).pieces).toEqual(['a', 'b', '']);
    expect(run(['a', 'b'], [''], true)).toMatchObject({ text: 'ab', stopped: undefined });
  });

  it('equals the definition for every text, every set of stop strings and every way to cut the text', () => {
    const tiny = fc.string({ unit: fc.constantFrom('a', 'b', '<'), maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(tiny, { maxLength: 12 }),
        fc.array(tiny, { maxLength: 4 }),
        fc.boolean(),
        (pieces, stops, keep) => {
          const { text, stopped } = run(pieces, stops, keep);
          expect({ text, stopped }).toEqual(expected(pieces.join(''), stops, keep));
        },
      ),
      { numRuns: 5000 },
    );
  });
});
