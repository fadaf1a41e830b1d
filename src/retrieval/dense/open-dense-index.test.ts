import { describe, expect, it } from 'vitest';
import { plainly, randomNumbers } from '../../../tests/retrieval/random-instances';
import { AppError } from '../../protocol/errors';
import { denseRows } from './build-rows';
import { PlainIndex, type DenseIndex } from './dense-index';
import { ChosenIndex, openDenseIndex } from './open-dense-index';
import { scanServer, ScanThreads, type ScanAnswer, type ScanThread } from './wasm/threads';
import { stretches, WasmIndex } from './wasm/wasm-index';

const random = randomNumbers(31);
const vectors = Array.from({ length: 40_000 }, () => Float32Array.from({ length: 8 }, () => random() - 0.4));
const queries = vectors.slice(0, 3);

/** A thread whose messages are copied as a worker's are; the memory is the same. */
function thread(serve = scanServer): ScanThread & { asked: string[] } {
  let answered: (answer: ScanAnswer) => void = () => undefined;
  const server = serve((answer) => answered(answer));
  const asked: string[] = [];
  return {
    asked,
    post: (message) => {
      asked.push(message.kind);
      void Promise.resolve().then(() => server(message));
    },
    listen: (onAnswer) => (answered = onAnswer),
    terminate: () => undefined,
  };
}

describe('threads that share a memory', () => {
  it('give together what one gives, int8 and f32', async () => {
    const helpers = [thread(), thread()];
    const threads = new ScanThreads(helpers);
    for (const dtype of ['int8', 'f32'] as const) {
      const rows = denseRows(vectors, 8, dtype);
      const index = WasmIndex.open(rows, threads);
      expect(index.threads).toBe(3);
      const plain = await new PlainIndex(rows).search(queries, 20);
      expect(plainly(await index.search(queries, 20))).toEqual(plainly(plain));
      const both = await Promise.all([index.search(queries, 3), index.search([...queries].reverse(), 3)]);
      expect(plainly(both[1]).reverse()).toEqual(plainly(both[0]));
      await expect(index.search([new Float32Array(2)], 3)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      index.dispose();
    }
    expect(helpers[0]?.asked).toContain('close');
    threads.dispose();
  });

  it('divide rows into whole fours, none twice and none left out', () => {
    for (const count of [0, 1, 3, 4, 5, 17, 1000]) {
      const parts = stretches(count, 3);
      expect(parts.every(({ from }) => from % 4 === 0)).toBe(true);
      expect(parts.reduce((at, { from, to }) => (from === at ? to : NaN), 0)).toBe(count);
    }
  });

  it('that fail leave all of the scan to the calling one', async () => {
    let fail: (error: unknown) => void = () => undefined;
    const broken: ScanThread = {
      post: ({ kind }) => {
        if (kind === 'search') fail(new Error('gone'));
      },
      listen: (_, onFailure) => (fail = onFailure),
      terminate: () => undefined,
    };
    const rows = denseRows(vectors, 8, 'int8');
    const index = WasmIndex.open(rows, new ScanThreads([broken]));
    const plain = plainly(await new PlainIndex(rows).search(queries, 3));
    expect(plainly(await index.search(queries, 3))).toEqual(plain);
    expect(index.threads).toBe(1);
    expect(plainly(await index.search(queries, 3))).toEqual(plain);
  });
});

describe('the choice of a backend', () => {
  /** A clock by which each reading is `step` later. */
  const clock = (step: number): (() => number) => {
    let at = 0;
    return () => (at += step);
  };
  const rows = denseRows(vectors.slice(0, 500), 8, 'int8');

  it('asks for no device where the processor is quick, and says so', async () => {
    const index = await openDenseIndex(rows, {
      now: clock(0.5),
      openDevice: () => Promise.reject(new Error('must not be asked')),
    });
    expect(index.info).toMatchObject({ backend: 'wasm', dtype: 'int8', threads: 1, milliseconds: 0.5 });
    expect(index.info.reason).toContain('could not answer sooner');
    expect(await index.search(queries, 2)).toEqual(await new PlainIndex(rows).search(queries, 2));
  });

  it('says why there is no device, or none of use', async () => {
    const slow = { now: clock(9) };
    const none = await openDenseIndex(rows, { ...slow, openDevice: () => Promise.resolve(null) });
    expect(none.info.reason).toContain('no WebGPU');
    const software = { device: {} as GPUDevice, name: 'x', software: true, packed: false };
    const other = await openDenseIndex(rows, { ...slow, openDevice: () => Promise.resolve(software) });
    expect(other.info).toMatchObject({ backend: 'wasm' });
    expect(other.info.reason).toContain('computed by the processor');
  });

  it('takes threads where there are many rows', async () => {
    const many = denseRows(vectors, 8, 'int8');
    const index = await openDenseIndex(many, { openThreads: () => new ScanThreads([thread()]) });
    expect(index.info.threads).toBe(2);
    index.dispose();
  });

  it('goes on with the processor when the device is lost, and with every other error does not', async () => {
    const processor = new PlainIndex(rows);
    const failing = (code: 'DEVICE_LOST' | 'INTERNAL'): DenseIndex => ({
      ...{ count: 500, dimensions: 8 },
      search: () => Promise.reject(new AppError(code, 'gone')),
    });
    const info = { backend: 'webgpu', dtype: 'int8', threads: 1, milliseconds: 1, reason: '' } as const;
    const loaded = { rows: processor.rows, index: processor, reason: '' };
    const lost = new ChosenIndex(failing('DEVICE_LOST'), loaded, info);
    expect(await lost.search(queries, 4)).toEqual(await processor.search(queries, 4));
    expect(lost.info).toMatchObject({ backend: 'typescript' });
    expect(lost.info.reason).toContain('lost');
    const other = new ChosenIndex(failing('INTERNAL'), loaded, info);
    await expect(other.search(queries, 4)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});
