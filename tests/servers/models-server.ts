/** Serves a models folder on loopback, as the page's host does, with the faults that hosts and caches have. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toyModelFolder, toyRegistry } from './toy-model';

export interface ModelsServer {
  /** The folder in which `registry.json` lies. */
  readonly modelsUrl: string;
  /** Path under that folder → bytes; may be changed at any time. */
  readonly files: Map<string, Uint8Array>;
  /** Answers the next request for a path differently. */
  readonly faults: Map<string, (bytes: Uint8Array) => Uint8Array | number>;
  /** Paths asked for, in order. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** With the toy model in it. */
export async function startModelsServer(): Promise<ModelsServer> {
  const folder = toyModelFolder();
  const files = new Map<string, Uint8Array>(
    [...folder].map(([name, bytes]): [string, Uint8Array] => [`toy/${name}`, bytes]),
  );
  files.set('registry.json', new TextEncoder().encode(JSON.stringify(toyRegistry(folder))));
  const faults: ModelsServer['faults'] = new Map();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/models\//, '');
    requests.push(path);
    const bytes = files.get(path);
    const fault = faults.get(path);
    faults.delete(path);
    const answer = bytes === undefined ? 404 : fault ? fault(bytes) : bytes;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else response.writeHead(200, { 'access-control-allow-origin': '*' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    modelsUrl: `http://127.0.0.1:${port}/models`,
    ...{ files, faults, requests },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
