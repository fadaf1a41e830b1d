import { afterEach, expect, it } from 'vitest';
import { openTestDevice } from '../../../tests/goldens/open-test-backend';
import { adapterFromEnvironment, openNodeGpu } from './webgpu';

const adapter = process.env['S3_ADAPTER'];
afterEach(() => {
  if (adapter !== undefined) process.env['S3_ADAPTER'] = adapter;
});

it('opens the adapter that the environment names, and describes it', async () => {
  const { device, description } = await openTestDevice();
  const { kind, software, subgroups } = description;
  expect({ kind, software, subgroups }).toEqual({ kind: 'webgpu', software: true, subgroups: true });
  expect(description.name).toMatch(adapter === 'lavapipe' ? /llvmpipe/i : /swiftshader/i);
  expect(description.f16).toBe(adapter === 'lavapipe');
  device.destroy();
});

it('refuses a second adapter in one process', async () => {
  const other = adapter === 'lavapipe' ? 'swiftshader' : 'lavapipe';
  await expect(openNodeGpu(other)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});

it('refuses an adapter name that it does not know', () => {
  process.env['S3_ADAPTER'] = 'voodoo';
  expect(() => adapterFromEnvironment()).toThrow(/voodoo/);
});
