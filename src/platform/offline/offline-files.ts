/** Which requests of the page can be answered without a network, and from where. */

/** Beside the page, under names that stay when their content changes: kept once they have been used. */
const USED = ['demo/', 'icons/', 'models/', 'ort/', 'pdfjs/'];
const USED_FILES = ['icon.svg', 'manifest.webmanifest', 'packs.json'];

/** Of a file that is kept because it was used: ONNX Runtime's WebAssembly has 26 MiB. Whoever serves larger models has them fetched. */
export const LARGEST_KEPT = 32 * 2 ** 20;

export interface PageRequest {
  readonly method: string;
  readonly url: string;
  readonly mode: string;
  readonly headers: { has(name: string): boolean };
}

/**
 * `page`: the document, from the network as long as there is one, so that nobody sees an old page for longer than needed. `shell`: a
 * file of the build, whose name holds its hash. `used`: from the network, or as it was when it was last used whole. `none`: nothing of
 * the page's own.
 */
export type OfflineKind = 'page' | 'shell' | 'used' | 'none';

/** @param scope the folder of the page, with a slash at its end */
export function offlineKind(request: PageRequest, scope: string): OfflineKind {
  const { method, url, mode, headers } = request;
  if (method !== 'GET' || !url.startsWith(scope)) return 'none';
  if (mode === 'navigate') return 'page';
  if (headers.has('authorization')) return 'none';
  const path = new URL(url).pathname.slice(new URL(scope).pathname.length);
  if (path.startsWith('assets/')) return 'shell';
  return USED.some((folder) => path.startsWith(folder)) || USED_FILES.includes(path) ? 'used' : 'none';
}

/** Whether an answer is worth keeping: whole, not too large, and another one than what is kept. */
export function isWorthKeeping(fresh: Response, kept: Response | undefined): boolean {
  if (fresh.status !== 200 || fresh.type !== 'basic') return false;
  const length = fresh.headers.get('content-length');
  if (length !== null && Number(length) > LARGEST_KEPT) return false;
  const mark = ({ headers }: Response): string | null => headers.get('etag') ?? headers.get('last-modified');
  return !kept || mark(fresh) === null || mark(fresh) !== mark(kept);
}
