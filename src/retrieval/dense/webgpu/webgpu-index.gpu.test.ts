import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDevice } from '../../../../tests/goldens/open-test-backend';
import { instanceOf, plainly, randomNumbers } from '../../../../tests/retrieval/random-instances';
import { denseRows } from '../build-rows';
import { PlainIndex } from '../dense-index';
import { WasmIndex } from '../wasm/wasm-index';
import { WebGpuIndex } from './webgpu-index';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await openTestDevice());
  device.onuncapturederror = ({ error }) => {
    throw new Error(error.message);
  };
});
afterAll(() => device.destroy());

describe('search on WebGPU', () => {
  it('finds what WebAssembly and plain TypeScript find, in the same order, in 1,000 random searches', async () => {
    for (let number = 0; number < 1000; number += 1) {
      const { label, rows, queries, topK } = instanceOf(number, { mostRows: 260 });
      const plain = plainly(await new PlainIndex(rows).search(queries, topK));
      const gpu = await WebGpuIndex.open(device, rows, { packed: number % 2 === 0 });
      expect(plainly(await gpu.search(queries, topK)), label).toEqual(plain);
      expect(plainly(await WasmIndex.open(rows).search(queries, topK)), label).toEqual(plain);
      gpu.dispose();
    }
  });

  const random = randomNumbers(5);
  const vectors = Array.from({ length: 5000 }, () => Float32Array.from({ length: 24 }, () => random() - 0.3));
  const queries = vectors.slice(0, 11).map((vector) => vector.map((x) => x + random() / 5));

  it.each(['f32', 'f16', 'int8'] as const)(
    'gives the same over several buffers of %s, and for more queries than one pass takes',
    async (dtype) => {
      const rows = denseRows(vectors, 24, dtype);
      const gpu = await WebGpuIndex.open(device, rows, { limit: 64 * 1024 });
      const plain = await new PlainIndex(rows).search(queries, 25);
      expect(plainly(await gpu.search(queries, 25))).toEqual(plainly(plain));
      gpu.dispose();
    },
  );

  it('looks at every row where all of them tie', async () => {
    const rows = denseRows(
      Array.from({ length: 9000 }, () => Float32Array.of(0.6, 0.8)),
      2,
      'int8',
    );
    const gpu = await WebGpuIndex.open(device, rows);
    const [top] = await gpu.search([Float32Array.of(1, 0)], 3);
    expect([...(top?.rows ?? [])]).toEqual([0, 1, 2]);
    gpu.dispose();
  });

  it('answers searches that are asked at once, and none that is aborted', async () => {
    const rows = denseRows(vectors, 24, 'int8');
    const gpu = await WebGpuIndex.open(device, rows);
    const both = await Promise.all([gpu.search(queries.slice(0, 2), 5), gpu.search(queries.slice(2, 3), 7)]);
    const plain = new PlainIndex(rows);
    expect(plainly(both[0])).toEqual(plainly(await plain.search(queries.slice(0, 2), 5)));
    expect(plainly(both[1])).toEqual(plainly(await plain.search(queries.slice(2, 3), 7)));
    await expect(gpu.search(queries, 3, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(gpu.search([new Float32Array(24).fill(NaN)], 3)).rejects.toMatchObject({
      code: 'BAD_INPUT',
    });
    await expect(gpu.search([new Float32Array(3)], 3)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    gpu.dispose();
  });
});
