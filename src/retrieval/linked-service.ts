/** The retrieval service with corpora that lie elsewhere: packs fetched or read by range, servers asked. */
import type { HttpTools } from '../lm/import/http-source';
import type { CorpusLink, CorpusRecord, RemoteLink } from '../protocol/corpus';
import { AppError } from '../protocol/errors';
import type { LinkServiceApi, PackSummary, RemoteReport, StagedPack } from '../protocol/linked-corpora';
import type { OnProgress } from '../protocol/retrieval';
import type { StagingStore } from '../protocol/staged-corpus';
import { CorpusService, type CorpusServiceParts } from './corpus-service';
import type { DensePlatform } from './dense';
import type { LinkedCorpus } from './linked-corpus';
import { discardPack, fetchPack, stagedPacks, wantedBytes } from './packs/fetch-pack';
import { openHttpPack } from './packs/http-pack';
import { requireSearchable } from './packs/pack-manifest';
import { openRangedPack, passageCheck, residentBytes } from './packs/ranged-pack';
import { packParts } from './packs/write-pack';
import { openRemote, testRemote } from './remote/open-remote';
import type { RemoteTools } from './remote/remote-client';

export interface LinkParts {
  tools: HttpTools;
  /** Files of one folder as one file for the user. */
  archive: (folder: string, parts: readonly ArchivePart[]) => Blob;
}

/** A file whose bytes the browser may keep on the disk. */
interface ArchivePart {
  path: string;
  bytes: number;
  pieces: readonly Blob[];
}

type LinkedRecord = CorpusRecord & { link: CorpusLink };

export class LinkedCorpusService extends CorpusService implements LinkServiceApi {
  readonly #links: LinkParts;
  readonly #keys: Map<string, string>;
  readonly #openStore: () => StagingStore;

  constructor(parts: CorpusServiceParts, links: LinkParts) {
    const keys = new Map<string, string>();
    super({ ...parts, openLinked: (record) => openLinked(record, links.tools, keys, parts.dense) });
    this.#links = links;
    this.#keys = keys;
    let store: StagingStore | undefined;
    this.#openStore = () => (store ??= parts.store());
  }

  async lookAtPack(address: string, signal?: AbortSignal): Promise<PackSummary> {
    const pack = await openHttpPack(address, this.#links.tools, signal);
    const { name, passages, encoder, index = 'exact', analyzer = '', k1 = 0, b = 0 } = pack.manifest;
    return {
      ...{ url: pack.url, hash: pack.hash, name, passages, encoder, index, analyzer, k1, b },
      bytes: wantedBytes(pack),
      residentBytes: residentBytes(pack, encoder ? 'dense' : 'bm25'),
      passageCheck: passageCheck(pack),
    };
  }

  async fetchPack(address: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<CorpusRecord> {
    const pack = await openHttpPack(address, this.#links.tools, signal);
    const now = (): string => new Date().toISOString();
    return fetchPack(pack, { store: this.#openStore(), now, onProgress, signal });
  }

  async linkPack(address: string, signal?: AbortSignal): Promise<CorpusRecord> {
    const { url, hash, manifest } = await openHttpPack(address, this.#links.tools, signal);
    requireSearchable(manifest);
    const { name, passages, encoder, index } = manifest;
    const link: CorpusLink = { kind: 'pack', url, manifest: hash };
    const corpus = { name, passages, encoder, ...(index && { index }), sources: [], link };
    return this.#openStore().create(corpus, [], signal);
  }

  stagedPacks(): Promise<StagedPack[]> {
    return stagedPacks(this.#openStore());
  }

  discardPack(hash: string): Promise<void> {
    return discardPack(hash, this.#openStore());
  }

  async exportPack(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<Blob> {
    const store = this.#openStore();
    const record = (await store.list()).find((one) => one.id === id);
    if (!record || record.link) {
      throw new AppError('UNSUPPORTED', 'This corpus does not lie on this device.', {
        fix: 'Export one of your own corpora.',
      });
    }
    async function* files() {
      for (const name of Object.keys(record?.files ?? {})) yield { name, bytes: await store.read(id, name) };
    }
    const parts: ArchivePart[] = [];
    // One file of the corpus is in memory at a time.
    for await (const { path, bytes } of packParts(record, files(), { onProgress, signal })) {
      parts.push({ path, bytes: bytes.length, pieces: [new Blob([bytes])] });
    }
    return this.#links.archive(folderName(record.name), parts);
  }

  testRemote(link: RemoteLink, key: string, signal?: AbortSignal): Promise<RemoteReport> {
    return testRemote(
      link,
      this.#remoteTools(() => key),
      signal,
    );
  }

  async linkRemote(link: RemoteLink, key: string, signal?: AbortSignal): Promise<CorpusRecord> {
    const { name, passages, encoder } = await openRemote(
      link,
      this.#remoteTools(() => key),
      signal,
    );
    if (key !== '') this.#keys.set(link.url, key);
    const corpus = { name, passages: passages.length, encoder, sources: [], link };
    return this.#openStore().create(corpus, [], signal);
  }

  giveKey(url: string, key: string): Promise<void> {
    this.#keys.set(url, key);
    return Promise.resolve();
  }

  #remoteTools(key: () => string | undefined): RemoteTools {
    const { fetch, clock } = this.#links.tools;
    return { fetch, clock, key };
  }
}

async function openLinked(
  { name, link }: LinkedRecord,
  tools: HttpTools,
  keys: ReadonlyMap<string, string>,
  platform: DensePlatform | undefined,
): Promise<LinkedCorpus> {
  if (link.kind !== 'pack') {
    return openRemote(link, { fetch: tools.fetch, clock: tools.clock, key: () => keys.get(link.url) });
  }
  const pack = await openHttpPack(link.url, tools);
  if (pack.hash === link.manifest) return openRangedPack(pack, { platform });
  throw new AppError('INTEGRITY', `"${name}" has changed at its address since it was linked.`, {
    fix: 'Delete it here and open the address again, if you trust the new one.',
  });
}

/** What a folder may be called anywhere. */
const folderName = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 60)
    .toLowerCase() || 'index';
