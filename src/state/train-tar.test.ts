import { expect, it } from 'vitest';
import { tarArchive } from '../platform/storage/model-tar';
import { filesOfTar } from './train-tar';

it('takes apart what the export put together', async () => {
  const entries = [
    { path: 'adapter_config.json', bytes: 8, pieces: [new Blob(['{"r": 4}'])] },
    { path: 'weights/adapter_model.safetensors', bytes: 1500, pieces: [new Blob([new Uint8Array(1500)])] },
  ];
  const archive = tarArchive('run-20', entries, 0);
  const files = await filesOfTar(archive);
  expect(files.map(({ path }) => path)).toEqual(entries.map(({ path }) => path));
  expect(await files[0]?.file.text()).toBe('{"r": 4}');
  expect(files[1]?.file.size).toBe(1500);
  await expect(filesOfTar(archive.slice(0, 1400))).rejects.toMatchObject({ code: 'INTEGRITY' });
});
