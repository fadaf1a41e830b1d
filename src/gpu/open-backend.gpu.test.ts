import { expect, it } from 'vitest';
import { openNodeDevice } from '../platform/node/webgpu';
import { openBackend } from './open-backend';

it('takes the adapter when WebGPU is asked for, and says what it is', async () => {
  const backend = await openBackend('webgpu', () => openNodeDevice());
  const { kind, software, name, subgroups } = backend.description;
  expect({ kind, software, subgroups }).toEqual({ kind: 'webgpu', software: true, subgroups: true });
  expect(name).toMatch(process.env['S3_ADAPTER'] === 'lavapipe' ? /llvmpipe/i : /swiftshader/i);
  backend.dispose();
});

it('prefers the CPU to a software adapter when it may choose', async () => {
  const backend = await openBackend('auto', () => openNodeDevice());
  expect(backend.description.kind).toBe('cpu');
});

it('refuses a second adapter in one process', async () => {
  const other = process.env['S3_ADAPTER'] === 'lavapipe' ? 'swiftshader' : 'lavapipe';
  await expect(openNodeDevice(other)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});
