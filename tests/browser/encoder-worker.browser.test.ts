import { afterAll, describe, expect, it } from 'vitest';
import { browserPdfPlatform } from '../../src/platform/browser/pdf-platform';
import { connect, proxy } from '../../src/platform/rpc/connection';
import { remoteEncoderService } from '../../src/platform/rpc/remote-encoder';
import type { EncoderServiceApi } from '../../src/protocol/encoder';
import { fileOf } from '../../src/retrieval/documents/file-of';
import { readPassages } from '../../src/retrieval/documents/read-passages';

const worker = new Worker(new URL('../../workers/encoder.worker.ts', import.meta.url), { type: 'module' });
const connection = connect<EncoderServiceApi>(worker);
const encoders = remoteEncoderService(connection.remote);
afterAll(() => connection.close());

describe('the encoder worker', () => {
  it('computes the same vectors on WebGPU and on WASM, and says where it runs', async () => {
    const texts = [
      'who founded the guild',
      'a river',
      'the captain of the ship that was lost in the north sea',
    ];
    const onWasm = await encoders.load(
      { id: 'demo', device: 'wasm' },
      proxy(() => undefined),
    );
    expect(onWasm.device).toBe('wasm');
    expect(onWasm.reason).toBeUndefined();
    const onGpu = await encoders.load({ id: 'demo', device: 'webgpu' });
    expect(onGpu.device).toBe('webgpu');
    const wasm = await encoders.embedQueries({ id: 'demo', device: 'wasm' }, texts);
    const gpu = await encoders.embedQueries({ id: 'demo', device: 'webgpu' }, texts);
    wasm.forEach((vector, i) => {
      const cosine = vector.reduce((sum, x, d) => sum + x * (gpu[i]?.[d] ?? 0), 0);
      expect(cosine).toBeGreaterThan(0.9999);
    });
  });

  it('gives errors with what to do across the worker', async () => {
    const error = await encoders.load({ id: 'no encoder' }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'AppError', code: 'BAD_INPUT' });
  });
});

describe('PDF in a browser', () => {
  it('refuses a broken file from a worker of its own', async () => {
    const read = async (): Promise<void> => {
      const passages = readPassages(fileOf('x.pdf', new Blob(['%PDF-1.4 nothing'])), {
        pdf: browserPdfPlatform(),
      });
      for await (const passage of passages) expect(passage).toBeUndefined();
    };
    await expect(read()).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'x.pdf is no PDF that can be read.',
    });
  });
});
