/**
 * WebGPU in Node, through Dawn (npm package `webgpu`). The Vulkan loader reads its environment once, so a process has one
 * choice of adapter. Where the system has no Vulkan loader, the one that Chromium ships beside SwiftShader is used.
 */
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { constants, homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { AppError } from '../../protocol/errors';
import { calmNativeTicks } from './calm-ticks';

/** `auto`: what the system offers, hardware first. The other two are software, named so that tests can ask for them. */
export type AdapterChoice = 'auto' | 'swiftshader' | 'lavapipe';

const CHOICES: readonly string[] = ['auto', 'swiftshader', 'lavapipe'] satisfies AdapterChoice[];
const isChoice = (text: string): text is AdapterChoice => CHOICES.includes(text);

/** glibc's RTLD_NODELETE, which Node does not name: the library stays although it is no addon. */
const KEEP_LOADED = 0x1000;

const MANIFEST = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';

/** The adapter named by `S3_ADAPTER`, `auto` without it. */
export function adapterFromEnvironment(): AdapterChoice {
  const name = process.env['S3_ADAPTER'] ?? 'auto';
  if (isChoice(name)) return name;
  throw new AppError('BAD_INPUT', `S3_ADAPTER is ${name}.`, {
    fix: `Set it to one of ${CHOICES.join(', ')}.`,
  });
}

let opened: { choice: AdapterChoice; gpu: GPU } | undefined;

/**
 * Dawn's entry point, prepared for the adapter. With `auto` it may turn out to offer none.
 * @throws AppError NOT_FOUND if the adapter that was asked for is not there.
 */
export async function openNodeGpu(choice: AdapterChoice = adapterFromEnvironment()): Promise<GPU> {
  if (opened && opened.choice !== choice) {
    throw new AppError('UNSUPPORTED', `This process already uses the adapter choice ${opened.choice}.`, {
      fix: 'Use one adapter per process.',
    });
  }
  if (opened) return opened.gpu;
  prepareVulkan(choice);
  calmNativeTicks();
  const { create } = await import('webgpu');
  // Kept for good: Dawn stops when its entry point is collected.
  opened = { choice, gpu: create([]) };
  if (choice !== 'auto' && !(await opened.gpu.requestAdapter())) {
    throw notFound(choice, 'it is installed but WebGPU found no adapter with it');
  }
  return opened.gpu;
}

function notFound(choice: AdapterChoice, what: string): AppError {
  const fix =
    choice === 'lavapipe'
      ? 'Install Mesa 25 or later (Debian: mesa-vulkan-drivers from backports).'
      : 'Install Chromium (its package carries SwiftShader), or name its executable in CHROME_PATH.';
  return new AppError('NOT_FOUND', `The software adapter ${choice} cannot be used: ${what}.`, { fix });
}

function prepareVulkan(choice: AdapterChoice): void {
  if (process.platform !== 'linux') {
    if (choice !== 'auto') throw notFound(choice, 'it can be chosen on Linux only');
    return;
  }
  // Mesa complains on every start without it.
  process.env['XDG_RUNTIME_DIR'] ??= mkdtempSync(join(tmpdir(), 's3-runtime-'));
  const swiftShader = swiftShaderFolder();
  if (choice === 'swiftshader') {
    if (swiftShader === undefined) throw notFound(choice, 'no Chromium with SwiftShader was found');
    process.env['VK_ICD_FILENAMES'] = join(swiftShader, MANIFEST);
  }
  if (choice === 'lavapipe') {
    const manifest = lavapipeManifest();
    if (manifest === undefined) throw notFound(choice, 'Mesa’s driver is not installed');
    process.env['VK_ICD_FILENAMES'] = manifest;
  }
  loadVulkan(swiftShader);
}

/** Dawn opens `libvulkan.so.1` by name; a library of that name that is loaded already satisfies it. */
function loadVulkan(swiftShader: string | undefined): void {
  const candidates = [LOADER, ...(swiftShader === undefined ? [] : [join(swiftShader, LOADER)])];
  for (const library of candidates) {
    try {
      process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | KEEP_LOADED);
      return;
    } catch (error) {
      // Always thrown, as this is no addon; whether it was loaded shows in the message.
      if (error instanceof Error && /self-register/.test(error.message)) return;
    }
  }
}

function swiftShaderFolder(): string | undefined {
  const chrome = process.env['CHROME_PATH'];
  const candidates = [
    ...(chrome === undefined || chrome === '' ? [] : [dirname(chrome)]),
    ...['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome', '/opt/chromium'],
    ...playwrightFolders(),
  ];
  return candidates.find((folder) => existsSync(join(folder, MANIFEST)));
}

function playwrightFolders(): string[] {
  const root = process.env['PLAYWRIGHT_BROWSERS_PATH'] ?? join(homedir(), '.cache', 'ms-playwright');
  if (!existsSync(root)) return [];
  const builds = readdirSync(root).filter((name) => /^chromium-\d+$/.test(name));
  builds.sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)));
  return builds.flatMap((build) => ['chrome-linux64', 'chrome-linux'].map((name) => join(root, build, name)));
}

function lavapipeManifest(): string | undefined {
  for (const folder of ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d']) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((file) => /^lvp_icd.*\.json$/.test(file));
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}
