/**
 * A corpus of any size that is made, not real: words drawn from a vocabulary by Zipf's law, and vectors around random centres. It has the sizes of a
 * real one (60 to 100 words a passage, lists of all lengths, neighbours that are near), and no meaning. The same for the same seed.
 */
import type { EncoderServiceApi } from '../../src/protocol/encoder';
import type { Passage } from '../../src/protocol/retrieval';

/** Numbers in [0, 1) (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ONSETS = [
  'b',
  'd',
  'f',
  'g',
  'k',
  'l',
  'm',
  'n',
  'p',
  'r',
  's',
  't',
  'v',
  'st',
  'br',
  'tr',
  'gl',
  'sh',
];
const VOWELS = ['a', 'e', 'i', 'o', 'u', 'ai', 'ou', 'ea'];
const CODAS = ['', 'n', 'r', 'l', 's', 'nd', 'm', 'ck'];
const SYLLABLES = ONSETS.flatMap((a) => VOWELS.flatMap((b) => CODAS.map((c) => a + b + c)));

/** The word of a rank: short for the frequent ones, no two alike. */
export function wordOf(rank: number): string {
  let rest = rank;
  let word = '';
  do {
    word += SYLLABLES[rest % SYLLABLES.length] ?? '';
    rest = Math.floor(rest / SYLLABLES.length);
  } while (rest > 0);
  return word;
}

/** Of the English of encyclopaedias, about. */
const EXPONENT = 1.05;
export const VOCABULARY = 500_000;

/** Draws ranks by Zipf's law in constant time (Vose's alias method). */
function zipf(size: number): (random: () => number) => number {
  const weights = Float64Array.from({ length: size }, (_, rank) => 1 / (rank + 2.7) ** EXPONENT);
  const sum = weights.reduce((a, b) => a + b, 0);
  const share = weights.map((weight) => (weight / sum) * size);
  const alias = new Uint32Array(size);
  const small: number[] = [];
  const large: number[] = [];
  share.forEach((value, rank) => (value < 1 ? small : large).push(rank));
  for (let low = small.pop(), high = large.pop(); low !== undefined && high !== undefined;) {
    alias[low] = high;
    const left = (share[high] ?? 0) - (1 - (share[low] ?? 0));
    share[high] = left;
    if (left < 1) [low, high] = [high, large.pop()];
    else low = small.pop();
  }
  return (random) => {
    const rank = Math.floor(random() * size);
    return random() < (share[rank] ?? 1) ? rank : (alias[rank] ?? rank);
  };
}

/** Passages one by one. */
export function* madePassages(count: number, seed = 1): Generator<Passage> {
  const random = randomOf(seed);
  const draw = zipf(VOCABULARY);
  const words = Array.from({ length: VOCABULARY }, (_, rank) => wordOf(rank));
  const some = (n: number): string => {
    let text = '';
    for (let i = 0; i < n; i++) text += `${i > 0 ? ' ' : ''}${words[draw(random)] ?? ''}`;
    return text;
  };
  for (let i = 0; i < count; i++) {
    const length = 60 + Math.floor(random() * 41);
    yield { id: String(i), title: some(2), text: `${some(length)}.` };
  }
}

/** Questions of four words, of which two are not among the hundred most frequent. */
export function madeQueries(count: number, seed = 7): string[] {
  const random = randomOf(seed);
  const draw = zipf(VOCABULARY);
  const rare = (): number => {
    for (;;) {
      const rank = draw(random);
      if (rank >= 100) return rank;
    }
  };
  return Array.from({ length: count }, () =>
    [rare(), draw(random), rare(), draw(random)].map(wordOf).join(' '),
  );
}

export const DIMENSIONS = 384;
const CENTRES = 2_000;

/** Unit vectors near one of many centres, which themselves lean one way, as those of E5 do. `seed` of the rows, not of the centres. */
export function vectorMaker(): (row: number, seed?: number) => Float32Array {
  const random = randomOf(11);
  const lean = Float32Array.from({ length: DIMENSIONS }, () => random() - 0.5);
  const centres = Array.from({ length: CENTRES }, () =>
    Float32Array.from(lean, (base) => 1.5 * base + (random() - 0.5)),
  );
  return (row, seed = 3) => {
    const own = randomOf(Math.imul(row + 1, 0x9e3779b1) ^ seed);
    const centre = centres[Math.floor(own() * CENTRES)] ?? lean;
    const vector = Float32Array.from(centre, (value) => value + (own() - 0.5));
    let squares = 0;
    for (const value of vector) squares += value * value;
    const norm = Math.sqrt(squares);
    for (let i = 0; i < DIMENSIONS; i++) vector[i] = (vector[i] ?? 0) / norm;
    return vector;
  };
}

export const IDENTITY = {
  ...{ model: 'made/clusters', revision: 'local', dimensions: DIMENSIONS, dtype: 'fp32' as const },
};

/** Gives the vectors that were made: of a passage by its number, of a question by its words. */
export function madeEncoders(): EncoderServiceApi {
  const vectorOf = vectorMaker();
  const numberOf = (text: string): number =>
    [...text].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 999_983, 7);
  return {
    options: () => Promise.resolve([]),
    measure: () => Promise.reject(new Error('Nobody asks for it.')),
    load: () => Promise.resolve({ ...IDENTITY, device: 'wasm' }),
    embedQueries: (_request, texts) => Promise.resolve(texts.map((text) => vectorOf(numberOf(text), 5))),
    embedPassages: (_request, passages) => Promise.resolve(passages.map(({ id }) => vectorOf(Number(id)))),
  };
}
