import { writeFile } from 'node:fs/promises';
import { generatedFiles, staleFiles } from './generated';

// Writes the generated files, or with --check only tells which are out of date.
const root = process.cwd();
const stale = await staleFiles(root);
if (process.argv.includes('--check')) {
  for (const path of stale) console.error(`${path} is out of date: run \`npm run generate\`.`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const path of stale) {
    await writeFile(`${root}/${path}`, (await generatedFiles[path]?.()) ?? '');
    console.log(`wrote ${path}`);
  }
}
