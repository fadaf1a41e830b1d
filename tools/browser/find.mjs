// Finds a Chrome or Chromium on this machine. Plain JavaScript, because it also runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Names under which package managers install Chromium and Chrome. */
const commandNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'];

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string | undefined} path */
function onPath(path) {
  return (path ?? '').split(delimiter).flatMap((folder) => commandNames.map((name) => join(folder, name)));
}

/** Where installers put the browser outside of the search path. */
function usualPlaces() {
  const programs = [
    process.env['PROGRAMFILES'],
    process.env['PROGRAMFILES(X86)'],
    process.env['LOCALAPPDATA'],
  ];
  return [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    ...programs.flatMap((folder) =>
      folder === undefined ? [] : [join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')],
    ),
    '/opt/google/chrome/chrome',
    '/snap/bin/chromium',
  ];
}

/** Playwright's download folder, newest build first. */
function playwrightDownloads() {
  const folders = [
    process.env['PLAYWRIGHT_BROWSERS_PATH'],
    join(homedir(), '.cache', 'ms-playwright'),
    join(homedir(), 'Library', 'Caches', 'ms-playwright'),
    join(homedir(), 'AppData', 'Local', 'ms-playwright'),
  ];
  const inside = [
    'chrome-linux64/chrome',
    'chrome-linux/chrome',
    'chrome-win64/chrome.exe',
    'chrome-win/chrome.exe',
    'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
    'chrome-mac-x64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
    'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
  ];
  return folders.flatMap((folder) => {
    if (folder === undefined || !existsSync(folder)) return [];
    const builds = readdirSync(folder)
      .filter((name) => /^chromium-\d+$/.test(name))
      .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)));
    return builds.flatMap((build) => inside.map((path) => join(folder, build, path)));
  });
}

/**
 * The browser's executable: `CHROME_PATH`, the search path, the usual places, Playwright's downloads, in this order.
 * @returns {string | undefined}
 */
export function findBrowser() {
  const named = process.env['CHROME_PATH'];
  if (named !== undefined && named !== '') return isExecutable(named) ? named : undefined;
  return [...onPath(process.env['PATH']), ...usualPlaces(), ...playwrightDownloads()].find(isExecutable);
}

/**
 * Whether the browser starts, and what it calls itself. A browser may be there and yet lack a library.
 * @param {string} executable
 * @returns {string | undefined}
 */
export function browserVersion(executable) {
  const { status, stdout } = spawnSync(executable, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * The folder that holds the browser's own SwiftShader, a Vulkan driver in software.
 * @param {string | undefined} executable
 * @returns {string | undefined}
 */
export function swiftShaderFolder(executable = findBrowser()) {
  if (executable === undefined) return undefined;
  const real = realpathSync(executable);
  // Distributions start the browser through a shell script; the script names the folder or it is one of these.
  const candidates = [dirname(real), '/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  return candidates.find((folder) => existsSync(join(folder, 'vk_swiftshader_icd.json')));
}

/**
 * Arguments with which the tests start the browser. The flags turn on WebGPU in software.
 * @returns {string[]}
 */
export function testBrowserArguments() {
  const root = process.getuid?.() === 0;
  return ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', ...(root ? ['--no-sandbox'] : [])];
}

/**
 * Lavapipe's manifest if Mesa is new enough for Dawn (25 or later), else a sentence on why it is not used.
 * @returns {{ manifest: string } | { reason: string }}
 */
export function findLavapipe() {
  const folders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((file) => /^lvp_icd.*\.json$/.test(file));
    if (name === undefined) continue;
    const version = mesaVersion();
    if (version !== undefined && version < 25) {
      return { reason: `Mesa ${version} is installed and Dawn wants 25 or later` };
    }
    return { manifest: join(folder, name) };
  }
  return { reason: 'it is not installed (Debian: mesa-vulkan-drivers 25 or later, from backports)' };
}

/** Mesa's major version as the package manager or the driver's own file tells it, undefined when neither does. */
function mesaVersion() {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', 'mesa-vulkan-drivers'], {
    encoding: 'utf8',
  });
  if (status === 0) return Number.parseInt(stdout, 10);
  for (const library of ['/usr/lib64/libvulkan_lvp.so', '/usr/lib/libvulkan_lvp.so']) {
    if (!existsSync(library)) continue;
    const match = /Mesa (\d+)\.\d+\.\d+/.exec(readFileSync(library, 'latin1'));
    if (match !== null) return Number(match[1]);
  }
  return undefined;
}
