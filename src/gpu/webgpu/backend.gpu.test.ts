import { describe, expect, it } from 'vitest';
import { loadGolden } from '../../../tests/goldens/engine-suite';
import { openTestBackend, openTestDevice } from '../../../tests/goldens/open-test-backend';
import { WebGpuBackend } from './backend';

describe('a WebGPU backend', () => {
  it('reports a lost device as such, to the call under way and to later ones', async () => {
    const opened = await openTestDevice();
    const backend = new WebGpuBackend(opened.device, { description: opened.description });
    const model = await loadGolden(backend, 'llama-tiny', 32);
    await model.scoreTokens([1, 2, 3]);
    opened.device.destroy();
    await expect(model.scoreTokens([1, 2, 3])).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await expect(model.prefill([1])).rejects.toMatchObject({ code: 'DEVICE_LOST', recoverable: true });
    model.dispose();
    expect(backend.liveBytes).toBe(0);
  });

  it('gives up with OUT_OF_MEMORY when the adapter has no room, and leaves nothing behind', async () => {
    const opened = await openTestDevice();
    const { device, description } = opened;
    const backend = new WebGpuBackend(device, { description });
    // Software adapters take system memory lazily and never run out in a test, so the adapter's answer is put in.
    const pop = device.popErrorScope.bind(device);
    let buffers = 0;
    device.popErrorScope = async () => {
      const error = await pop();
      buffers += 1;
      return buffers === 5 ? { message: 'out of memory' } : error;
    };
    await expect(loadGolden(backend, 'llama-tiny', 32)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(buffers).toBeGreaterThan(5);
    expect(backend.liveBytes).toBe(0);
    const model = await loadGolden(backend, 'llama-tiny', 32);
    expect(await model.scoreTokens([1, 2, 3])).toHaveLength(2);
    backend.dispose();
  });

  it('frees everything and refuses further work when it is disposed of', async () => {
    const backend = await openTestBackend();
    const rows = backend.extent(1);
    const operation = backend.operations.selectRows({
      rows,
      input: backend.tensor('input', [1, 4]),
      indices: backend.tensor('indices', [1], 'u32'),
      output: backend.tensor('output', [1, 4]),
    });
    await backend.ready();
    expect(backend.liveBytes).toBe(16 + 16 + 4 + 16);
    backend.dispose();
    backend.dispose();
    expect(backend.liveBytes).toBe(0);
    await expect(backend.run([operation])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(() => backend.tensor('late', [1])).toThrow(/disposed/);
  });

  it('says how many sequences, or tokens of one, fit where a layer’s keys exceed a binding', async () => {
    const backend = await openTestBackend({ maxBindingBytes: 600 });
    const [keys, values] = [backend.tensor('keys', [4, 8, 8]), backend.tensor('values', [4, 8, 8])];
    const rows = backend.extent(8);
    const copyTable = backend.tensor('copy table', [4], 'u32');
    const cache = { keys, values, slots: 4, capacity: 8 };
    expect(() => backend.operations.copyCache({ rows, copyTable, cache })).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        fix: 'Choose at most 2 of 4 sequences at a time, or a shorter context.',
      }),
    );
    expect(() => backend.tensor('layer 0 keys', [4, 32, 8])).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: 'The layer 0 keys of one sequence take 1024 bytes; this adapter reads at most 600 at once.',
        fix: 'Choose a context of at most 18 tokens.',
      }),
    );
    backend.dispose();
  });

  it('reads and writes parts of a tensor that lies in several buffers', async () => {
    const backend = await openTestBackend({ maxBindingBytes: 64 });
    const tensor = backend.tensor('large', [9, 8]);
    const values = Float32Array.from({ length: 72 }, (_, i) => i);
    backend.write(tensor, values.subarray(0, 30));
    backend.write(tensor, values.subarray(30), 30);
    const rows = backend.extent(9);
    const output = backend.tensor('gathered', [2, 8]);
    const rowTable = backend.tensor('row table', [2, 4], 'u32');
    backend.write(rowTable, Uint32Array.of(3, 0, 0, 0, 8, 0, 0, 0));
    const two = backend.extent(2);
    const operation = backend.operations.embed({ rows: two, table: tensor, rowTable, output });
    await backend.ready();
    two.value = 2;
    const [gathered] = await backend.run([operation], [{ tensor: output, count: 16 }]);
    expect([...(gathered ?? [])]).toEqual([...values.subarray(24, 32), ...values.subarray(64, 72)]);
    const [whole, part] = await backend.run(
      [],
      [
        { tensor, count: 72 },
        { tensor, count: 19 },
      ],
    );
    expect(whole).toEqual(values);
    expect(part).toEqual(values.subarray(0, 19));
    rows.dispose();
    backend.dispose();
  });
});
