/**
 * The page without a network: the files of its build are fetched when it is first opened, and what else of its own it uses, the demo's
 * models and ONNX Runtime among it, is kept as it was last used. Requests to other hosts are never touched. A new build is taken when no
 * tab shows the old one any more, since a page that changes under a run would end it.
 */
import { cleanupOutdatedCaches, matchPrecache, precache } from 'workbox-precaching';
import { createPartialResponse } from 'workbox-range-requests';
import { isWorthKeeping, offlineKind } from '../src/platform/offline/offline-files';

/** Of the Service Workers standard, as far as it is used; TypeScript lists it for workers alone. */
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}
const scope = self as unknown as ServiceWorkerScope;

/** Written in by the build (`tools/start/offline-shell.ts`). */
declare const S3_SHELL: { url: string; revision: string | null }[];
const USED_CACHE = 's3-used-v1';

precache(S3_SHELL);
cleanupOutdatedCaches();

// The first visit, too, is kept: without this, only the next one would be.
scope.addEventListener('activate', (event) => {
  event.waitUntil(scope.clients.claim());
});

async function page(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await matchPrecache('index.html');
    if (kept) return kept;
    throw error;
  }
}

const shell = async (request: Request): Promise<Response> =>
  (await matchPrecache(request.url)) ?? fetch(request);

async function used(event: FetchEvent): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(USED_CACHE);
  const kept = (await cache.match(request.url)) ?? (await matchPrecache(request.url));
  let fresh: Response;
  try {
    fresh = await fetch(request);
  } catch (error) {
    if (!kept) throw error;
    // The encoder's library asks for the first byte of a file to learn how long it is.
    return request.headers.has('range') ? createPartialResponse(request, kept) : kept;
  }
  if (isWorthKeeping(fresh, kept)) {
    // Where there is no room, the page works as before, with a network.
    event.waitUntil(cache.put(request.url, fresh.clone()).catch(() => undefined));
  }
  return fresh;
}

scope.addEventListener('fetch', (event) => {
  const kind = offlineKind(event.request, scope.registration.scope);
  if (kind === 'page') event.respondWith(page(event.request));
  else if (kind === 'shell') event.respondWith(shell(event.request));
  else if (kind === 'used') event.respondWith(used(event));
});
