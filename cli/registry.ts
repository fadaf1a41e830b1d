import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { AppError } from '../src/protocol/errors';
import { RegistrySchema, type Registry, type RegistryModel } from '../src/protocol/registry';
import { modelsFolder } from './folders';

/** What comes with the project. */
export async function readRegistry(): Promise<Registry> {
  const path = join(modelsFolder, 'registry.json');
  try {
    return v.parse(RegistrySchema, JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new AppError('INTEGRITY', `${path} cannot be read.`, {
      fix: 'Restore the file: git checkout -- models',
      cause,
    });
  }
}

/** An adapter that comes with the project, by its id; undefined for any other reference. */
export async function embeddedAdapter(reference: string): Promise<RegistryModel | undefined> {
  if (reference.includes('/')) return undefined;
  const { models } = await readRegistry();
  return models.find(({ id, role }) => id === reference && role === 'adapter');
}

/** A language model that comes with the project, by its id; undefined for any other reference. */
export async function embeddedModel(reference: string): Promise<RegistryModel | undefined> {
  if (reference.includes('/')) return undefined;
  const { models } = await readRegistry();
  return models.find(({ id, role }) => id === reference && role === 'language-model');
}
