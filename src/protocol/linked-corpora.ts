/** Corpora that lie elsewhere: index packs on static hosts, and retrieval servers. What the retrieval worker offers for them. */
import type { CorpusRecord, EncoderIdentity, RemoteLink, VectorIndexKind } from './corpus';
import type { OnProgress, RetrievalMode } from './retrieval';

/** A pack, known from its manifest alone. */
export interface PackSummary {
  /** Of its folder, with a slash at the end. */
  url: string;
  /** sha256 of its manifest. */
  hash: string;
  name: string;
  passages: number;
  encoder: EncoderIdentity | null;
  /** How its vectors are searched; of no meaning without an encoder. */
  index: VectorIndexKind;
  analyzer: string;
  k1: number;
  b: number;
  /** What fetching it whole transfers. */
  bytes: number;
  /** What searching it where it lies transfers before the first answer; passages come when they are found. */
  residentBytes: number;
  /** What passages are checked by that are read where they lie. CRC-32, in packs of an earlier version, tells damage, not a forger. */
  passageCheck: 'sha256' | 'crc32';
}

/** A pack that is half here, to be gone on with or discarded. */
export interface StagedPack {
  url: string;
  hash: string;
  name: string;
  bytes: number;
  doneBytes: number;
}

/** The outcome of testing a connection, in words. */
export interface RemoteReport {
  ok: boolean;
  message: string;
  fix: string;
  /** 0 where the server does not say. */
  passages: number;
  modes: RetrievalMode[];
  encoder: EncoderIdentity | null;
}

export interface LinkServiceApi {
  /** @throws AppError NOT_FOUND, INTEGRITY, UNSUPPORTED (another encoder, another version), NETWORK … */
  lookAtPack(address: string, signal?: AbortSignal): Promise<PackSummary>;
  /** Whole, into the store. Stopped or broken off, it goes on from there when it is called again. */
  fetchPack(address: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<CorpusRecord>;
  /** Keeps the address: it is searched where it lies. */
  linkPack(address: string, signal?: AbortSignal): Promise<CorpusRecord>;
  stagedPacks(): Promise<StagedPack[]>;
  discardPack(hash: string): Promise<void>;
  /** A stored corpus as an archive of the folder that a static host serves. */
  exportPack(id: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<Blob>;
  testRemote(link: RemoteLink, key: string, signal?: AbortSignal): Promise<RemoteReport>;
  /** Keeps the address; the key stays in memory, for all corpora of that address. */
  linkRemote(link: RemoteLink, key: string, signal?: AbortSignal): Promise<CorpusRecord>;
  /** For a server that was linked before the page was loaded anew. */
  giveKey(url: string, key: string): Promise<void>;
}
