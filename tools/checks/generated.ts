import { readFile } from 'node:fs/promises';
import { headersFile } from '../start/security-headers';
import { kernelsModule } from '../wasm/module';
import { scanModules } from '../wasm/scan/module';

/** Files in the repository that are written by a program. `npm run generate` writes them; `npm test` compares. */
export const generatedFiles: Record<string, () => string | Promise<string>> = {
  'public/_headers': headersFile,
  'src/gpu/cpu/wasm/module.ts': kernelsModule,
  'src/retrieval/dense/wasm/module.ts': scanModules,
};

/** The generated files that differ from what would be written now. */
export async function staleFiles(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, make] of Object.entries(generatedFiles)) {
    const now = await readFile(`${root}/${path}`, 'utf8').catch(() => undefined);
    if (now !== (await make())) stale.push(path);
  }
  return stale;
}
