import { readFileSync } from 'node:fs';
import { sourceFiles } from './source-files';

/** A file is one thought: most fit on a screen or two, none is longer than this. */
const longestAllowed = 500;
const medianAllowed = 120;

const sizes = sourceFiles(process.cwd(), ['.ts', '.svelte', '.mjs', '.js', '.css', '.wgsl', '.py'])
  .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
  .sort((a, b) => b.lines - a.lines);
const at = (share: number): number => sizes[Math.floor((sizes.length - 1) * share)]?.lines ?? 0;

console.log(`${sizes.length} files, median ${at(0.5)} lines, 90th percentile ${at(0.1)}. The longest:`);
for (const { path, lines } of sizes.slice(0, 10)) console.log(`${String(lines).padStart(5)}  ${path}`);

const tooLong = sizes.filter(({ lines }) => lines > longestAllowed);
for (const { path, lines } of tooLong)
  console.error(`${path} has ${lines} lines; ${longestAllowed} are allowed.`);
if (at(0.5) > medianAllowed) console.error(`The median is ${at(0.5)} lines; ${medianAllowed} are allowed.`);
process.exitCode = tooLong.length > 0 || at(0.5) > medianAllowed ? 1 : 0;
