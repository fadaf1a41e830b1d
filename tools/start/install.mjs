// Brings node_modules to what package-lock.json says. Plain JavaScript: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The oldest Node that the build tools accept. */
const oldestNode = [20, 19];

/** @returns {string | undefined} what is wrong with this Node, if anything */
export function nodeComplaint(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = oldestNode;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return undefined;
  return `s3-web needs Node ${oldestNode.join('.')} or later; this is Node ${version}. See https://nodejs.org.`;
}

/**
 * @typedef {{ version?: string, dev?: boolean, devOptional?: boolean, optional?: boolean, link?: boolean }} LockEntry
 * @param {string} file
 * @returns {Record<string, LockEntry>}
 */
function lockedPackages(file) {
  if (!existsSync(file)) return {};
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

/**
 * The packages that the lockfile asks for and node_modules lacks or holds in another version. Optional ones are left
 * out, because most are builds for other systems.
 * @param {string} root
 * @param {{ dev: boolean }} which
 */
export function missingPackages(root, { dev }) {
  const wanted = lockedPackages(join(root, 'package-lock.json'));
  const installed = lockedPackages(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted)
    .filter(([path, entry]) => {
      if (!path.startsWith('node_modules/') || entry.optional || entry.link) return false;
      if (entry.version === undefined || (!dev && (entry.dev || entry.devOptional))) return false;
      return installed[path]?.version !== entry.version || !existsSync(join(root, path));
    })
    .map(([path]) => path.slice('node_modules/'.length));
}

/**
 * Installs what is missing, in the locked versions; install scripts do not run (.npmrc).
 * @param {string} root
 * @param {{ dev: boolean }} which `dev: false` leaves out what only the tests need
 * @returns {boolean} whether everything is there now
 */
export function ensureInstalled(root, { dev }) {
  const missing = missingPackages(root, { dev });
  if (missing.length === 0) return true;
  // `npm ci` begins by emptying node_modules: where the development tools are there, they are to stay.
  const hasDev = Object.values(lockedPackages(join(root, 'node_modules', '.package-lock.json'))).some(
    (e) => e.dev,
  );
  const omit = dev || hasDev ? [] : ['--omit=dev'];
  console.log(`Installing ${missing.length} packages (npm ci${omit.length > 0 ? ' --omit=dev' : ''}) …`);
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...omit];
  const npm = process.env['npm_execpath'];
  const { status } =
    npm === undefined
      ? spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(
      'The packages could not be installed. Is the npm registry reachable? `npm ci` shows the details.',
    );
    return false;
  }
  return true;
}
