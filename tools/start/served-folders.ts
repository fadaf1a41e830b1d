import { createReadStream } from 'node:fs';
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import type { Plugin } from 'vite';

/** A folder outside `public/` that the page reads at run time under `url`. */
export interface ServedFolder {
  /** Begins and ends with a slash. */
  url: string;
  folder: string;
  /** Which files, by path relative to the folder with forward slashes. */
  include: (path: string) => boolean;
}

const mediaTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.jsonl': 'application/x-ndjson',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** The file that a request path stands for, or undefined when the folder does not serve it. */
export function resolveServed({ url, folder, include }: ServedFolder, pathname: string): string | undefined {
  if (!pathname.startsWith(url)) return undefined;
  const path = decoded(pathname.slice(url.length));
  if (path === undefined) return undefined;
  const file = resolve(folder, path);
  // A path with `..` may not leave the folder.
  if (!file.startsWith(resolve(folder) + sep)) return undefined;
  return include(relative(folder, file).split(sep).join('/')) ? file : undefined;
}

async function answer(folders: ServedFolder[], req: IncomingMessage, res: ServerResponse): Promise<boolean> {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  const { pathname } = new URL(req.url ?? '/', 'http://localhost');
  const file = folders.map((f) => resolveServed(f, pathname)).find((f) => f !== undefined);
  if (file === undefined) return false;
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile()) return false;
  res.setHeader('Content-Type', mediaTypes[extname(file)] ?? 'application/octet-stream');
  res.setHeader('Content-Length', info.size);
  if (req.method === 'HEAD') res.end();
  else createReadStream(file).pipe(res);
  return true;
}

/** Serves the folders in development and copies them into the build, so that nothing is fetched from another host. */
export function servedFolders(folders: ServedFolder[]): Plugin {
  let outDir = 'dist';
  let copies = false;
  return {
    name: 's3-served-folders',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
      // Only the page is complete with these files; worker and server bundles run the same plugins.
      copies = config.command === 'build' && !config.build.ssr && !config.isWorker;
    },
    configureServer(server) {
      server.middlewares.use((req, res, next) => {
        for (const [name, value] of Object.entries(server.config.server.headers)) {
          if (value !== undefined) res.setHeader(name, value);
        }
        answer(folders, req, res).then((done) => {
          if (!done) next();
        }, next);
      });
    },
    async closeBundle() {
      if (!copies) return;
      for (const { url, folder, include } of folders) {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
        for (const entry of entries) {
          const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
          if (!entry.isFile() || !include(path)) continue;
          const target = join(outDir, url, path);
          await mkdir(dirname(target), { recursive: true });
          await cp(join(folder, path), target);
        }
      }
    },
  };
}
