import { readFile } from 'node:fs/promises';
import { headersFile } from '../start/security-headers';

/** Files in the repository that are written by a program. `npm run generate` writes them; `npm test` compares. */
export const generatedFiles: Record<string, () => string> = {
  'public/_headers': headersFile,
};

/** The generated files that differ from what would be written now. */
export async function staleFiles(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, make] of Object.entries(generatedFiles)) {
    const now = await readFile(`${root}/${path}`, 'utf8').catch(() => undefined);
    if (now !== make()) stale.push(path);
  }
  return stale;
}
