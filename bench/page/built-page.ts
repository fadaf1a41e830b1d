/** The page as it is published, built into a folder of its own and served as the preview serves it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { preview } from 'vite';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tool = (path: string): string => join(root, 'node_modules', ...path.split('/'));

function runNode(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  if (stdout === '' || status === null) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

export interface BuiltPage {
  /** What the bundle check says of the JavaScript that is loaded before any model. */
  bundleReport: string;
  /** With a slash at the end. */
  url: string;
  close(): Promise<void>;
}

export async function buildAndServe(): Promise<BuiltPage> {
  const folder = mkdtempSync(join(tmpdir(), 's3-bench-'));
  const outDir = join(folder, 'dist');
  const build = spawnSync(
    process.execPath,
    [tool('vite/bin/vite.js'), 'build', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'error'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  if (build.status !== 0) throw new Error('The page could not be built.');
  // The check reads `dist` below the folder that it runs in.
  const bundleReport = runNode(folder, tool('tsx/dist/cli.mjs'), join(root, 'tools/checks/bundle.ts'));
  const server = await preview({
    root,
    build: { outDir },
    preview: { port: 0, host: '127.0.0.1' },
    logLevel: 'error',
  });
  const url = server.resolvedUrls?.local[0] ?? server.resolvedUrls?.network[0];
  if (url === undefined) throw new Error('The preview server has no address.');
  return {
    bundleReport,
    url,
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
