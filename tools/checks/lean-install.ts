import { readdirSync, readFileSync, lstatSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** What `npm start` installs stays below this. */
const limitMiB = 300;

interface LockEntry {
  dev?: boolean;
  link?: boolean;
  hasInstallScript?: boolean;
}

/** Bytes on disk, nested packages left out: they are entries of their own. */
function bytesOnDisk(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? bytesOnDisk(path) : lstatSync(path).blocks * 512;
    })
    .reduce((sum, bytes) => sum + bytes, lstatSync(folder).blocks * 512);
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, LockEntry> };
const sizes = Object.entries(lock.packages)
  .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.link !== true && existsSync(path))
  .filter(([path]) => path.startsWith('node_modules/'))
  .map(([path, entry]) => ({ path, entry, mib: bytesOnDisk(path) / 2 ** 20 }))
  .sort((a, b) => b.mib - a.mib);
const sum = sizes.reduce((total, { mib }) => total + mib, 0);

console.log(
  `npm start installs ${sum.toFixed(0)} MiB in ${sizes.length} packages; ${limitMiB} are allowed. The largest:`,
);
for (const { path, mib } of sizes.slice(0, 8)) {
  console.log(`${mib.toFixed(1).padStart(7)}  ${path.slice('node_modules/'.length)}`);
}
// .npmrc keeps such scripts from running; the list shows whether one would be missed.
const scripted = sizes.filter(({ entry }) => entry.hasInstallScript === true).map(({ path }) => path);
if (scripted.length > 0) console.log(`Install scripts that are not run: ${scripted.join(', ')}`);
const ignoresScripts = readFileSync('.npmrc', 'utf8').split('\n').includes('ignore-scripts=true');
if (!ignoresScripts) console.error('.npmrc should say ignore-scripts=true.');
process.exitCode = sum > limitMiB || !ignoresScripts ? 1 : 0;
