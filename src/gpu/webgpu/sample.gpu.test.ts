import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestBackend } from '../../../tests/goldens/open-test-backend';
import { Random } from '../../lm/random';
import { encodeSettings, samplingSettings, seenTokens, type SamplingOptions } from '../../lm/sampling';
import { ROW_FIELDS, SAMPLED_FIELDS, SAMPLE_SETTINGS, type Backend } from '../backend';
import { CpuBackend } from '../cpu/backend';
import { SAMPLE_BLOCK, samplePartials } from '../partials';
import type { WebGpuBackend } from './backend';
import { tuningFor } from './tuning';

const ROWS = 8;
const SLOTS = 9;

interface Drawn {
  ids: number[];
  logprobs: number[];
}

/** Draws for `ROWS` rows, twice in a row, over logits that are the same at every call. */
async function draw(
  backend: Backend,
  width: number,
  options: readonly SamplingOptions[],
  logitOf: (random: Random) => number,
): Promise<Drawn> {
  const random = new Random(width);
  const words = Math.ceil(width / 32);
  const rows = backend.extent(ROWS);
  const logits = backend.tensor('logits', [ROWS, width]);
  const selected = backend.tensor('selected', [ROWS], 'u32');
  const rowTable = backend.tensor('row table', [ROWS + 1, ROW_FIELDS], 'u32');
  const settings = backend.tensor('settings', [SLOTS, SAMPLE_SETTINGS], 'u32');
  const seen = backend.tensor('seen', [SLOTS, words], 'u32');
  const output = backend.tensor('output', [2 * ROWS, SAMPLED_FIELDS]);
  const partials = backend.tensor('partials', [ROWS, samplePartials(width)]);
  const tables = { selected, rowTable, settings, seen };
  const operation = backend.operations.sample({ rows, logits, ...tables, partials, output });
  backend.write(
    logits,
    Float32Array.from({ length: ROWS * width }, () => logitOf(random)),
  );
  for (let row = 0; row < ROWS; row += 1) {
    // Rows of the logits, of the table and slots count differently.
    const slot = (row * 2 + 1) % SLOTS;
    backend.write(selected, Uint32Array.of(ROWS - row), row);
    backend.write(rowTable, Uint32Array.of(0, 10 * row, slot, 0), (ROWS - row) * ROW_FIELDS);
    const own = samplingSettings({
      seed: 2 ** 33 + row,
      ...(options[row % options.length] ?? { temperature: 0 }),
    });
    backend.write(settings, encodeSettings(own), slot * SAMPLE_SETTINGS);
    const earlier = Array.from({ length: 1 + (width >> 2) }, () => Math.floor(random.uniform() * width));
    backend.write(seen, seenTokens(width, earlier), slot * words);
  }
  await backend.ready();
  rows.value = ROWS;
  const request = { tensor: output, count: 2 * ROWS * SAMPLED_FIELDS };
  const [result = new Float32Array(0)] = await backend.run([operation, operation], [request]);
  for (const item of [rows, logits, selected, rowTable, settings, seen, partials, output]) item.dispose();
  const places = Array.from({ length: 2 * ROWS }, (_, i) => i * SAMPLED_FIELDS);
  return { ids: places.map((at) => result[at] ?? -1), logprobs: places.map((at) => result[at + 1] ?? NaN) };
}

const SETTINGS: [string, SamplingOptions[]][] = [
  ['greedy', [{ temperature: 0 }]],
  ['temperature alone', [{ temperature: 1 }, { temperature: 0.3 }, { temperature: 3 }]],
  ['top-k', [1, 2, 20, 100_000].map((topK) => ({ temperature: 1.5, topK }))],
  ['top-p', [0.001, 0.3, 0.9, 0.999].map((topP) => ({ temperature: 2, topP }))],
  ['min-p', [0.05, 0.5, 1].map((minP) => ({ temperature: 2, minP }))],
  ['penalty', [1.3, 0.7, 5].map((repetitionPenalty) => ({ temperature: 1, repetitionPenalty }))],
  ['a greedy penalty', [{ temperature: 0, repetitionPenalty: 2 }]],
  [
    'everything at once',
    [
      { temperature: 0.8, topK: 40, topP: 0.9, minP: 0.02, repetitionPenalty: 1.1 },
      { temperature: 3, topK: 7, topP: 0.5 },
      { temperature: 0 },
      { temperature: 5, topP: 0.8, minP: 0.4, repetitionPenalty: 1.5 },
    ],
  ],
];

/** A row looked through by one workgroup, and by several. */
let gpu: WebGpuBackend;
let blocks: WebGpuBackend;
beforeAll(async () => {
  gpu = await openTestBackend();
  const tuning = { ...tuningFor(gpu.description), sampleBlock: SAMPLE_BLOCK };
  blocks = await openTestBackend({ tuning });
});
afterAll(() => {
  for (const backend of [gpu, blocks]) {
    expect(backend.liveBytes).toBe(0);
    backend.dispose();
  }
});

const backendFor = (width: number): WebGpuBackend => (width > SAMPLE_BLOCK ? blocks : gpu);

describe.each([1, 31, 300, 2049, 40_000])('over a vocabulary of %i', (width) => {
  it.each(SETTINGS)('%s gives the tokens that the CPU draws', async (_, options) => {
    const spread = (random: Random): number => 12 * random.uniform() - 4;
    const want = await draw(new CpuBackend(), width, options, spread);
    const got = await draw(backendFor(width), width, options, spread);
    expect(got.ids).toEqual(want.ids);
    got.logprobs.forEach((value, i) => {
      expect(Math.abs(value - (want.logprobs[i] ?? 0))).toBeLessThan(1e-4);
    });
  });
});

it.each([257, 2257])('keeps equal logits of %i together, and draws the same of them', async (width) => {
  const few = (random: Random): number => Math.floor(random.uniform() * 3);
  const options = [{ temperature: 0 }, { temperature: 1, topK: 5 }, { temperature: 1, topP: 0.2 }];
  const want = await draw(new CpuBackend(), width, options, few);
  expect((await draw(backendFor(width), width, options, few)).ids).toEqual(want.ids);
});

it('copes with logits that no exponential can hold', async () => {
  const wild = (random: Random): number => (random.uniform() < 0.5 ? -1e9 : 1000 * random.uniform());
  const options = [{ temperature: 0.5 }, { temperature: 1, topP: 0.9 }, { temperature: 1, topK: 3 }];
  const want = await draw(new CpuBackend(), 300, options, wild);
  const got = await draw(gpu, 300, options, wild);
  expect(got.ids).toEqual(want.ids);
  expect(got.logprobs.every((value) => value <= 0)).toBe(true);
});
