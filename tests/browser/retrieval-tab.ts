/** The retrieval worker of the page, as tests start it, and what they give it to read. */
import { startRetrievalWorker } from '../../src/platform/browser/start-worker';
import { connect, type RpcConnection } from '../../src/platform/rpc/connection';
import type { CorpusServiceApi, ImportFile } from '../../src/protocol/corpus';

/** One tab at a time. */
export class RetrievalTab {
  #connection: RpcConnection<CorpusServiceApi> | undefined;

  /** As after a reload: new workers, nothing in memory. */
  start(): RpcConnection<CorpusServiceApi>['remote'] {
    this.close();
    this.#connection = connect<CorpusServiceApi>(startRetrievalWorker());
    return this.#connection.remote;
  }

  close(): void {
    this.#connection?.close();
  }
}

export const notes = (count: number): ImportFile[] =>
  Array.from({ length: count }, (_, i) => ({
    path: `notes/${i}.md`,
    file: new Blob([`# Note ${i}\n\nThe keeper of lighthouse number ${i} wrote about the sea.`]),
  }));

/** Of corpora, whole or not. */
export async function storedFolders(): Promise<string[]> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('corpora', { create: true });
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names;
}
