import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPackFile } from '../../src/lm/formats/pack-checkpoint';
import { closeModel, openModel, type OpenedModel } from '../../src/lm/import/open-model';
import { makePlan } from '../../src/lm/import/import-plan';
import { AppError } from '../../src/protocol/errors';
import { sha256Hex } from '../../src/retrieval/sha256';
import { defineCommand, type Console } from '../command';
import { FolderSource } from '../folder-source';
import { cacheFolder, modelsFolder } from '../folders';
import { openReference } from '../model-reference';
import { readRegistry } from '../registry';

export const modelList = defineCommand({
  name: 'model list',
  positionals: '[M]',
  count: [0, 1],
  summary:
    'Lists the models that come with the project and those imported from the hub, or describes one model; checks files.',
  options: {},
  async run(_values, [reference], console) {
    if (reference !== undefined) await describe(reference, console);
    else await listAll(console);
  },
});

interface Row {
  id: string;
  title: string;
  role: string;
  licence: string;
  bytes: number;
}

async function listAll(console: Console): Promise<void> {
  const models = [...(await embedded()), ...(await imported())];
  if (console.json) {
    console.out(JSON.stringify({ models }));
    return;
  }
  for (const { id, title, role, licence, bytes } of models) {
    console.out(
      `${id.padEnd(16)} ${role.padEnd(16)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${licence}  ${title}`,
    );
  }
}

async function embedded(): Promise<Row[]> {
  const registry = await readRegistry();
  for (const { id, files } of registry.models) {
    for (const { path, sha256 } of files) {
      const bytes = await readFile(join(modelsFolder, id, path)).catch(() => Buffer.alloc(0));
      if (createHash('sha256').update(bytes).digest('hex') === sha256) continue;
      throw new AppError('INTEGRITY', `models/${id}/${path} is missing or not what the registry says.`, {
        fix: 'Restore the file: git checkout -- models',
      });
    }
  }
  return registry.models.map(({ id, title, role, licence, bytes }) => ({ id, title, role, licence, bytes }));
}

/** Packs in the cache; their files are checked when they are used. */
async function imported(): Promise<Row[]> {
  const folder = join(cacheFolder(), 'models');
  const rows: Row[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const model = await openModel({ source: await FolderSource.open(path) }).catch(() => undefined);
    // An import that was interrupted, or something else.
    if (!model?.manifest) continue;
    const { shards, files, licence = 'not stated', weights } = model.manifest;
    const bytes = [...shards, ...files].reduce((sum, file) => sum + file.bytes, 0);
    rows.push({
      id: model.manifest.name,
      title: `${weights}, ${path}`,
      role: 'language-model',
      licence,
      bytes,
    });
  }
  return rows;
}

async function describe(reference: string, console: Console): Promise<void> {
  const source = await openReference(reference);
  const model = await openModel({ source, signal: console.signal });
  try {
    for (const file of [...(model.manifest?.files ?? []), ...(model.manifest?.shards ?? [])]) {
      await readPackFile(file, (path, signal) => source.open(path, signal), sha256Hex, console.signal);
    }
    const description = describeModel(model);
    if (console.json) console.out(JSON.stringify(description));
    else
      for (const [key, value] of Object.entries(description))
        console.out(`${key.padEnd(13)} ${String(value)}`);
  } finally {
    await closeModel(model);
  }
}

function describeModel(model: OpenedModel) {
  const { config, tensors, summary } = makePlan(model, undefined);
  const formats = new Map<string, number>();
  for (const { stored } of tensors) formats.set(stored.format, (formats.get(stored.format) ?? 0) + 1);
  return {
    name: summary.name,
    container: model.container,
    architecture: summary.architecture,
    parameters: summary.parameters,
    bytes: summary.sourceBytes,
    tensors: [...formats].map(([format, count]) => `${count} ${format}`).join(', '),
    context: config.maxPositions,
    licence: summary.licence ?? 'not stated',
    revision: summary.revision ?? 'not stated',
  };
}
