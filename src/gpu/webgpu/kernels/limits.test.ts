import { describe, expect, it } from 'vitest';
import { workgroupBytes } from '../../../../tests/goldens/workgroup-bytes';
import type { BackendDescription, HeadShape } from '../../backend';
import { tuningFor } from '../tuning';
import { attentionBlockRows, attentionKernel } from './attention';
import { supportsTiles, tiledAttentionKernel } from './attention-tiled';
import { joinPartsKernel } from './join-parts';
import { sampleKernel } from './sample';
import { sampleBlocks, samplePartsKernel } from './sample-parts';

const description: BackendDescription = {
  ...{ kind: 'webgpu', name: 'test', vendor: '', architecture: '' },
  ...{ software: false, f16: true, subgroups: true, smallestSubgroup: 8 },
};
const TUNINGS = {
  hardware: tuningFor(description),
  software: tuningFor({ ...description, software: true }),
};

/** Of Qwen2.5-0.5B and 7B, Qwen3, a small one, and the largest head there can be. */
const HEADS: HeadShape[] = [
  { queryHeads: 14, keyValueHeads: 2, headSize: 64 },
  { queryHeads: 28, keyValueHeads: 4, headSize: 128 },
  { queryHeads: 16, keyValueHeads: 8, headSize: 128 },
  { queryHeads: 3, keyValueHeads: 1, headSize: 6 },
  { queryHeads: 8, keyValueHeads: 1, headSize: 256 },
];

describe.each(Object.entries(TUNINGS))('kernels of attention and sampling on %s', (_, tuning) => {
  const kernels = [
    ...HEADS.flatMap((heads) => [
      attentionKernel(heads, 32_768, 1, tuning),
      attentionKernel(heads, 32_768, attentionBlockRows(heads, tuning), tuning),
      attentionKernel(heads, 32_768, 1, tuning, true),
      joinPartsKernel(heads, tuning),
      ...(supportsTiles(heads) ? [tiledAttentionKernel(heads, 32_768, tuning)] : []),
    ]),
    ...[1, 1024, 151_936].flatMap((width) => [samplePartsKernel(width, tuning), sampleKernel(width, tuning)]),
  ];

  it.each(kernels.map((kernel) => [kernel.name, kernel] as const))(
    '%s keeps to the default limits of WebGPU',
    (_name, { code, bindings }) => {
      expect(bindings.filter(({ kind }) => kind !== 'uniform').length).toBeLessThanOrEqual(8);
      expect(workgroupBytes(code)).toBeLessThanOrEqual(16_384);
      expect(Number(/workgroup_size\((\d+)\)/.exec(code)?.[1])).toBeLessThanOrEqual(256);
    },
  );
});

it('a row of a large vocabulary is looked through by many workgroups on a card', () => {
  expect(sampleBlocks(151_936, TUNINGS.hardware)).toBe(149);
  expect(sampleBlocks(4_096, TUNINGS.software)).toBe(1);
});
