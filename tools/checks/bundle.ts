import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { headersFile, metaPolicy } from '../start/security-headers';

/** JavaScript that a visitor loads before any model. */
const limitKB = 150;

interface ManifestChunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
}

const dist = 'dist';
const read = (path: string): string => readFileSync(join(dist, path), 'utf8');
const gzipKB = (path: string): number => gzipSync(readFileSync(join(dist, path)), { level: 9 }).length / 1000;
const manifest = JSON.parse(read('.vite/manifest.json')) as Record<string, ManifestChunk>;

/** The chunk and everything it imports statically. */
function closure(key: string, seen = new Set<string>()): Set<string> {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key]?.imports ?? []) closure(next, seen);
  return seen;
}

const problems: string[] = [];
const entries = Object.keys(manifest).filter((key) => manifest[key]?.isEntry === true);
const files = new Set(entries.flatMap((key) => [...closure(key)]).map((key) => manifest[key]?.file ?? ''));
const scripts = [...files].filter((file) => file.endsWith('.js')).map((file) => ({ file, kb: gzipKB(file) }));
const sum = scripts.reduce((total, { kb }) => total + kb, 0);
console.log(
  `JavaScript before any model: ${sum.toFixed(1)} KB gzip in ${scripts.length} files; ${limitKB} KB are allowed.`,
);
for (const { file, kb } of scripts.sort((a, b) => b.kb - a.kb))
  console.log(`${kb.toFixed(1).padStart(8)}  ${file}`);
if (scripts.length === 0) problems.push('The build has no entry.');
if (sum > limitKB) problems.push(`The first load is ${(sum - limitKB).toFixed(1)} KB over its budget.`);

const page = read('index.html');
// Vite writes the policy as an attribute; quotes inside become entities or stay, depending on the quoting.
const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1];
if (policy?.replaceAll('&#39;', "'") !== metaPolicy())
  problems.push('index.html lacks the content security policy.');
if (/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/i.test(page)) {
  problems.push('index.html holds an inline script or style, which the policy refuses.');
}
for (const [, url] of page.matchAll(/\s(?:src|href)="([^"]+)"/g)) {
  if (url !== undefined && !url.startsWith('/')) problems.push(`index.html loads ${url} from elsewhere.`);
}
if (read('_headers') !== headersFile()) problems.push('dist/_headers is not what the source says.');
const offline = read('service-worker.js');
for (const { file } of Object.values(manifest)) {
  if (!offline.includes(file)) problems.push(`service-worker.js does not keep ${file} for offline use.`);
}
for (const file of ['ort/ort-wasm-simd-threaded.asyncify.mjs', 'ort/ort-wasm-simd-threaded.asyncify.wasm']) {
  if (!existsSync(join(dist, file))) problems.push(`dist/${file} is missing: the encoder could not start.`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
