import { expect, it } from 'vitest';
import { madeCheckpoint, SMALL_QWEN } from '../../../tests/models/made-checkpoint';
import { CpuBackend } from '../../gpu/cpu/backend';
import { bytesSource } from '../byte-source';
import { loadModel } from '../engine';
import { FilesSource } from '../import/files-source';
import { openModel } from '../import/open-model';
import { openSafetensorsCheckpoint } from '../safetensors';
import { safetensorsExport } from './safetensors-export';

it.each([
  ['one file', Infinity, 1],
  ['several files with an index', 90_000, 4],
])('exports to %s what it was given', async (_, fileBytes, least) => {
  const file = madeCheckpoint({ config: SMALL_QWEN, type: 'BF16' }).get('model.safetensors')!;
  const checkpoint = await openSafetensorsCheckpoint([bytesSource('m', file.read(0, file.size))]);
  const config: Record<string, unknown> = SMALL_QWEN;
  const files = safetensorsExport({ config, checkpoint, fileBytes });
  const blobs = new Map<string, Blob>();
  for (const exported of files) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of exported.parts()) parts.push(part);
    const blob = new Blob(parts);
    expect([exported.path, blob.size]).toEqual([exported.path, exported.bytes]);
    blobs.set(exported.path, blob);
  }
  const names = [...blobs.keys()].filter((name) => name.endsWith('.safetensors'));
  expect(names.length).toBeGreaterThanOrEqual(least);
  if (least > 1) expect(names[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/);
  const exported = await openModel({ source: new FilesSource('out', blobs) });
  expect(exported.config['torch_dtype']).toBe('bfloat16');
  const backend = new CpuBackend();
  const before = await loadModel({ backend, config, checkpoint, maxContext: 16 });
  const after = await loadModel({ backend, ...exported, maxContext: 16 });
  expect(await after.allLogits([1, 2, 3])).toEqual(await before.allLogits([1, 2, 3]));
});
