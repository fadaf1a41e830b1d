/** Kernels as a card gets them: software adapters would compile them for minutes, but can say whether they are valid. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestDevice } from '../../../../tests/goldens/open-test-backend';
import type { HeadShape } from '../../backend';
import type { OpenedDevice } from '../device';
import type { Kernel } from '../kernel';
import { formsOf, kernelOf } from '../linear-operations';
import { tuningFor, type Tuning } from '../tuning';
import { attentionBlockRows, attentionKernel } from './attention';
import { tiledAttentionKernel } from './attention-tiled';
import { joinPartsKernel } from './join-parts';
import type { LinearShape } from './linear-options';
import { sampleKernel } from './sample';
import { samplePartsKernel } from './sample-parts';

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openTestDevice();
});
afterAll(() => opened.device.destroy());

const HEADS: HeadShape[] = [
  { queryHeads: 14, keyValueHeads: 2, headSize: 64 },
  { queryHeads: 28, keyValueHeads: 4, headSize: 128 },
  { queryHeads: 3, keyValueHeads: 1, headSize: 6 },
];

function linearKernels(tuning: Tuning): Kernel[] {
  const types = ['f32', 'f16', 'q8', 'q4'] as const;
  return types.flatMap((type) =>
    [true, false].flatMap((gated) => {
      const shape: LinearShape = {
        ...{ type, inputs: 896, outputs: 4864, gated, bias: !gated, accumulate: false },
        ...{ weightRow: 0, otherRow: 0, firstOutput: 0, outputColumn: 0, outputStride: 4864 },
        ...{ scale: 1, epsilon: 1e-6 },
      };
      return formsOf(shape, tuning).map((form) => {
        const own = form.fusedNorm ? shape : { ...shape, epsilon: undefined };
        return kernelOf(own, form, tuning)[0];
      });
    }),
  );
}

const errorsOf = async (label: string, code: string): Promise<string[]> => {
  const { messages } = await opened.device.createShaderModule({ label, code }).getCompilationInfo();
  return messages.filter(({ type }) => type === 'error').map(({ message }) => `${label}: ${message}`);
};

it('are told apart from what is not valid', async () => {
  opened.device.pushErrorScope('validation');
  expect(await errorsOf('bad', 'fn f() -> u32 { return 1.5; }')).toHaveLength(1);
  expect(await opened.device.popErrorScope()).not.toBeNull();
});

it('are valid, with and without f16 and subgroups', async () => {
  const { description } = opened;
  const hardware = { ...description, software: false };
  const plain = { ...hardware, f16: false, subgroups: false };
  for (const tuning of [tuningFor(hardware), tuningFor(plain)]) {
    const kernels = [
      ...linearKernels(tuning),
      ...HEADS.flatMap((heads) => [
        attentionKernel(heads, 4096, 1, tuning),
        attentionKernel(heads, 4096, attentionBlockRows(heads, tuning), tuning),
        attentionKernel(heads, 4096, 1, tuning, true),
        joinPartsKernel(heads, tuning),
      ]),
      ...HEADS.slice(0, 2).map((heads) => tiledAttentionKernel(heads, 4096, tuning)),
      samplePartsKernel(151_936, tuning),
      sampleKernel(151_936, tuning),
    ];
    for (const { name, code } of kernels) expect(await errorsOf(name, code)).toEqual([]);
  }
});
