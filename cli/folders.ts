import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder, seen from `cli/` and, after a build, from `dist-cli/`. */
export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** The models that come with the project. */
export const modelsFolder = join(projectRoot, 'models');

/** The demo's corpus and questions. */
export const demoFolder = join(projectRoot, 'public', 'demo');

/** Where downloads are kept between runs: `S3_CACHE`, else the user's cache folder. */
export function cacheFolder(): string {
  const { S3_CACHE, XDG_CACHE_HOME } = process.env;
  return S3_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 's3-web');
}
