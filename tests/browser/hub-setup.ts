/** A loopback hub for the tests in the browser, over the models of the fixtures: `acme/tiny-decoder`, `acme/tiny-bert`. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startHubServer } from '../servers/hub-server';

declare module 'vitest' {
  interface ProvidedContext {
    hub: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = await mkdtemp(join(tmpdir(), 's3-hub-'));
  await mkdir(join(root, 'acme'));
  for (const name of ['tiny-decoder', 'tiny-bert']) {
    await symlink(resolve('tests/fixtures', `${name}-onnx`), join(root, 'acme', name));
  }
  const hub = await startHubServer(root);
  project.provide('hub', hub.url);
  return async () => {
    await hub.close();
    await rm(root, { recursive: true, force: true });
  };
}
