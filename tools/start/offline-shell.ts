import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'vite';

/** A file that the service worker fetches beforehand; `revision` where its name does not change with its content. */
export interface ShellFile {
  url: string;
  revision: string | null;
}

/** Of `public/`: small, and asked for by pages as soon as they open. */
const PUBLIC_FILES = ['icon.svg', 'manifest.webmanifest', 'packs.json'];

/** The files of a build without which a page cannot be opened, in a fixed order. */
export function shellOf(
  files: readonly string[],
  contentOf: (path: string) => Uint8Array | string,
): ShellFile[] {
  const hashed = files.filter((path) => path.startsWith('assets/')).sort();
  const revised = ['index.html', ...PUBLIC_FILES];
  return [
    ...hashed.map((url) => ({ url, revision: null })),
    ...revised.map((url) => ({
      url,
      revision: createHash('sha256').update(contentOf(url)).digest('hex').slice(0, 16),
    })),
  ];
}

/** Adds the service worker to the page's build, with the list of what it keeps. */
export function offlineShell(entry: string): Plugin {
  let outDir = 'dist';
  return {
    name: 's3-offline-shell',
    apply: (_config, { command, isSsrBuild }) => command === 'build' && isSsrBuild !== true,
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    async writeBundle(_options, bundle) {
      const shell = shellOf(Object.keys(bundle), (path) => readFileSync(join(outDir, path)));
      await build({
        configFile: false,
        logLevel: 'warn',
        publicDir: false,
        define: { S3_SHELL: JSON.stringify(shell), 'process.env.NODE_ENV': '"production"' },
        build: {
          outDir,
          emptyOutDir: false,
          target: 'es2023',
          // One classic script: not every browser takes modules as service workers.
          lib: { entry, formats: ['iife'], name: 's3Offline', fileName: () => 'service-worker.js' },
        },
      });
    },
  };
}
