import { describe, expect, it } from 'vitest';
import { workgroupBytes } from '../../../tests/goldens/workgroup-bytes';
import type { BackendDescription } from '../backend';
import { kernelOf, formsOf } from './linear-operations';
import type { LinearShape } from './kernels/linear-options';
import type { WeightType } from './kernels/weight-code';
import { tuningFor } from './tuning';

const description: BackendDescription = {
  ...{ kind: 'webgpu', name: 'test', vendor: '', architecture: '' },
  ...{ software: false, f16: true, subgroups: true, smallestSubgroup: 8 },
};

const TUNINGS = {
  hardware: tuningFor(description),
  'hardware without features': tuningFor({ ...description, f16: false, subgroups: false }),
  software: tuningFor({ ...description, software: true }),
  'software without features': tuningFor({ ...description, software: true, smallestSubgroup: 0 }),
};

describe.each(Object.entries(TUNINGS))('matrix products on %s', (_, tuning) => {
  const types: WeightType[] = ['f32', 'f16', 'q8', 'q4'];
  // The largest head (of Qwen2.5-7B) and the widest layer, and a small one.
  const shapes = types.flatMap((type) =>
    [
      [3584, 152_064, false],
      [3584, 18_944, true],
      [896, 37, false],
    ].map(([inputs, outputs, gated]): LinearShape => ({
      ...{ type, inputs: Number(inputs), outputs: Number(outputs), gated: gated === true },
      ...{ weightRow: 0, otherRow: 0, firstOutput: 0, outputColumn: 0, outputStride: Number(outputs) },
      ...{ scale: 1, epsilon: 1e-6, bias: gated !== true, accumulate: false },
    })),
  );

  it('keep to the default limits of WebGPU', () => {
    for (const shape of shapes) {
      for (const form of formsOf(shape, tuning)) {
        const fused = form.fusedNorm ? shape : { ...shape, epsilon: undefined };
        const [kernel, workgroups] = kernelOf(fused, form, tuning);
        const what = `${kernel.name} ${shape.inputs}×${shape.outputs}`;
        const rows = Math.min(form.upTo, 512);
        expect(Math.max(...workgroups(rows)), what).toBeLessThanOrEqual(65_535);
        const storage = kernel.bindings.filter(({ kind }) => kind !== 'uniform').length;
        expect(storage, what).toBeLessThanOrEqual(8);
        expect(workgroupBytes(kernel.code), what).toBeLessThanOrEqual(16_384);
        expect(Number(/workgroup_size\((\d+)\)/.exec(kernel.code)?.[1])).toBeLessThanOrEqual(256);
      }
    }
  });

  it('use features only where the device has them', () => {
    for (const shape of shapes) {
      for (const form of formsOf(shape, tuning)) {
        const [{ code }] = kernelOf(shape, form, tuning);
        expect(/enable f16/.test(code)).toBe(tuning.f16 && form.kernel.kind === 'tiled');
        if (!tuning.subgroups && tuning.broadcast === 0) expect(code).not.toMatch(/subgroup/i);
      }
    }
  });
});
