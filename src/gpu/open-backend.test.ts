import { expect, it } from 'vitest';
import { openBackend } from './open-backend';

it('falls back to the CPU where there is no adapter, but not when WebGPU was asked for', async () => {
  const none = () => Promise.resolve(null);
  expect((await openBackend('auto', none)).description.kind).toBe('cpu');
  await expect(openBackend('webgpu', none)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

it('does not look for an adapter when the CPU was asked for', async () => {
  const backend = await openBackend('cpu', () => Promise.reject(new Error('looked')));
  expect(backend.description.kind).toBe('cpu');
});
