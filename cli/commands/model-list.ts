import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/protocol/errors';
import { defineCommand } from '../command';
import { modelsFolder } from '../folders';
import { readRegistry } from '../registry';

export const modelList = defineCommand({
  name: 'model list',
  positionals: '',
  count: [0, 0],
  summary: 'Lists the models that come with the project, and checks their files.',
  options: {},
  async run(_values, _positionals, console) {
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
    const models = registry.models.map(({ id, title, role, licence, bytes }) => ({
      id,
      title,
      role,
      licence,
      bytes,
    }));
    if (console.json) console.out(JSON.stringify({ models }));
    else {
      for (const { id, title, role, licence, bytes } of models) {
        console.out(
          `${id.padEnd(16)} ${role.padEnd(16)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${licence}  ${title}`,
        );
      }
    }
  },
});
