/** Packs and servers as the pages see them, over the worker that reads them. */
import { proxy, type RpcConnection } from '../platform/rpc/connection';
import type { CorpusServiceApi } from '../protocol/corpus';
import type { LinkServiceApi } from '../protocol/linked-corpora';
import type { CorpusLinks } from './laboratory';
import { entryOf } from './corpus-entry';

export const corpusLinks = (
  remote: () => RpcConnection<CorpusServiceApi & LinkServiceApi>['remote'],
): CorpusLinks => ({
  look: (address, signal) => remote().lookAtPack(address, signal),
  fetch: async (address, onProgress, signal) =>
    entryOf(await remote().fetchPack(address, proxy(onProgress), signal)),
  link: async (address, signal) => entryOf(await remote().linkPack(address, signal)),
  staged: () => remote().stagedPacks(),
  discard: (hash) => remote().discardPack(hash),
  export: (id, onProgress, signal) => remote().exportPack(id, proxy(onProgress), signal),
  test: (link, key, signal) => remote().testRemote(link, key, signal),
  connect: async (link, key, signal) => entryOf(await remote().linkRemote(link, key, signal)),
  giveKey: (url, key) => remote().giveKey(url, key),
});
