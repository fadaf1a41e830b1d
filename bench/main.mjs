// `npm run bench`: installs what is missing, the peers that are compared with included, then measures.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBrowser, ensureVulkanLoader } from '../tools/browser/ensure.mjs';
import { ensureInstalled, nodeComplaint } from '../tools/start/install.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const root = join(folder, '..');

function main() {
  const complaint = nodeComplaint();
  if (complaint !== undefined) {
    console.error(complaint);
    return 1;
  }
  if (!ensureInstalled(root, { dev: true }) || !ensureInstalled(folder, { dev: true })) return 1;
  const browser = ensureBrowser(root);
  ensureVulkanLoader(root, browser);
  const env = { ...process.env, ...(browser !== undefined && { CHROME_PATH: browser }) };
  const tsx = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const args = [tsx, join(folder, 'run.ts'), ...process.argv.slice(2)];
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
}

process.exitCode = main();
