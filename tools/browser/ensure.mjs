// Makes sure that the tests have a browser and a Vulkan loader: what is there, else a download, else the package
// manager. Plain JavaScript, because it runs as part of `npm test` on a bare machine.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { browserVersion, findBrowser, swiftShaderFolder } from './find.mjs';

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} root
 */
function run(command, args, root) {
  console.log(`  ${[command === process.execPath ? 'node' : command, ...args].join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 600_000,
  });
  return status === 0;
}

/** Debian's and Ubuntu's package manager can be used by root alone. */
export function canUseApt() {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

let listsAreFresh = false;

/**
 * @param {string} root
 * @param {string[]} packages
 */
export function aptInstall(root, packages) {
  if (!canUseApt()) return false;
  listsAreFresh ||= run('apt-get', ['update', '-qq'], root);
  return run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], root);
}

/** @returns {string | undefined} a browser that starts */
function workingBrowser() {
  const executable = findBrowser();
  return executable !== undefined && browserVersion(executable) !== undefined ? executable : undefined;
}

/**
 * @param {string} root
 * @returns {string | undefined} the executable, or undefined after a message that says what to do
 */
export function ensureBrowser(root) {
  const there = workingBrowser();
  if (there !== undefined) return there;
  if (process.env['CHROME_PATH']) {
    console.error(`CHROME_PATH is "${process.env['CHROME_PATH']}", and no browser starts from there.`);
    return undefined;
  }
  console.log("No Chrome or Chromium found; trying Playwright's download …");
  const playwright = join(root, 'node_modules', '@playwright', 'test', 'cli.js');
  // As root it can install the libraries that the browser needs, too.
  const withLibraries = canUseApt() ? ['--with-deps'] : [];
  run(process.execPath, [playwright, 'install', ...withLibraries, '--no-shell', 'chromium'], root);
  const downloaded = workingBrowser();
  if (downloaded !== undefined) return downloaded;
  if (canUseApt()) {
    console.log("Trying the system's package manager …");
    aptInstall(root, ['chromium']);
  }
  const installed = workingBrowser();
  if (installed === undefined) {
    console.error(
      'No browser could be found or installed. Install Chrome or Chromium, or set CHROME_PATH to its executable.',
    );
  }
  return installed;
}

function systemHasVulkanLoader() {
  const { stdout } = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
  return (stdout ?? '').includes('libvulkan.so.1');
}

/**
 * WebGPU in Node needs libvulkan.so.1. Chromium usually brings one; otherwise it is a small system package.
 * @param {string} root
 * @param {string | undefined} browser
 */
export function ensureVulkanLoader(root, browser) {
  if (process.platform !== 'linux' || systemHasVulkanLoader()) return;
  const folder = swiftShaderFolder(browser);
  if (folder !== undefined && existsSync(join(folder, 'libvulkan.so.1'))) return;
  console.log('No Vulkan loader found; trying the package manager …');
  if (!aptInstall(root, ['libvulkan1'])) {
    console.error('The WebGPU tests need libvulkan.so.1 (Debian, Ubuntu: apt-get install libvulkan1).');
  }
}
