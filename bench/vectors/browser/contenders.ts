/** Vector search in a tab: ours and what else there is for it, each as its own documentation sets it up. */
import { hnswlib, orama, voy, voyWasm } from 'virtual:vector-peers';
import { byteRows, denseRows, meanOf, WasmIndex, type DenseIndex } from '../../../src/retrieval/dense';
import { HnswIndex } from '../../../src/retrieval/usearch';
import { browserUsearchModule } from '../../../src/platform/browser/usearch-module';

export type Search = (query: Float32Array) => Promise<number[]> | number[];

export interface Contender {
  name: string;
  /** Calls `tick` between pieces of the work: it throws when the time is over. */
  build(vectors: readonly Float32Array[], tick: (done: number) => Promise<void>): Promise<Search>;
}

const TOP = 10;
const PIECE = 1000;
/** The same graph everywhere. */
const GRAPH = { connectivity: 16, efAdd: 128, efSearch: 64 };

const ours = (name: string, open: (vectors: readonly Float32Array[]) => DenseIndex): Contender => ({
  name,
  build: (vectors) => {
    const index = open(vectors);
    return Promise.resolve(async (query) => [...((await index.search([query], TOP))[0]?.rows ?? [])]);
  },
});

const int8 = ours('s3-web, int8, every row', (vectors) =>
  WasmIndex.open(byteRows(vectors, meanOf(vectors, vectors[0]?.length ?? 0))),
);
const exact = ours('s3-web, f32, every row', (vectors) =>
  WasmIndex.open(denseRows(vectors, vectors[0]?.length ?? 0)),
);

const graph: Contender = {
  name: 's3-web, HNSW (usearch), ef 64',
  async build(vectors, tick) {
    const dimensions = vectors[0]?.length ?? 0;
    const index = HnswIndex.create(await browserUsearchModule(), { dimensions, ...GRAPH });
    for (let start = 0; start < vectors.length; start += PIECE) {
      const piece = vectors.slice(start, start + PIECE);
      await index.add(
        piece.map((_, i) => start + i),
        piece,
      );
      await tick(start + piece.length);
    }
    return async (query) => [...((await index.search([query], TOP))[0]?.rows ?? [])];
  },
};

const hnswlibWasm: Contender = {
  name: 'hnswlib-wasm 0.8.2, ef 64',
  async build(vectors, tick) {
    const { HierarchicalNSW } = await hnswlib.loadHnswlib();
    const index = new HierarchicalNSW('ip', vectors[0]?.length ?? 0, '');
    index.initIndex(vectors.length, GRAPH.connectivity, GRAPH.efAdd, 100);
    for (const [row, vector] of vectors.entries()) {
      index.addPoint(vector, row, false);
      if ((row + 1) % PIECE === 0) await tick(row + 1);
    }
    index.setEfSearch(GRAPH.efSearch);
    return (query) => index.searchKnn(query, TOP, undefined).neighbors;
  },
};

const voySearch: Contender = {
  name: 'voy-search 0.6.3',
  async build(vectors, tick) {
    const bytes = await (await fetch(voyWasm)).arrayBuffer();
    const { instance } = await WebAssembly.instantiate(bytes, {
      './voy_search_bg.js': voy as unknown as WebAssembly.ModuleImports,
    });
    voy.__wbg_set_wasm(instance.exports);
    const index = new voy.Voy();
    for (let start = 0; start < vectors.length; start += PIECE) {
      const embeddings = vectors.slice(start, start + PIECE).map((vector, i) => ({
        ...{ id: String(start + i), title: '', url: '' },
        embeddings: [...vector],
      }));
      index.add({ embeddings });
      await tick(start + embeddings.length);
    }
    return (query) => index.search(query, TOP).neighbors.map(({ id }) => Number(id));
  },
};

const oramaVectors: Contender = {
  name: 'Orama 3.1.18',
  async build(vectors, tick) {
    const database = orama.create({
      schema: { row: 'number', embedding: `vector[${vectors[0]?.length ?? 0}]` },
    });
    for (let start = 0; start < vectors.length; start += PIECE) {
      const piece = vectors.slice(start, start + PIECE);
      await orama.insertMultiple(
        database,
        piece.map((vector, i) => ({ row: start + i, embedding: [...vector] })),
        PIECE,
      );
      await tick(start + piece.length);
    }
    return async (query) => {
      const vector = { value: [...query], property: 'embedding' };
      const { hits } = await orama.search(database, { mode: 'vector', vector, limit: TOP });
      return hits.map(({ document }) => document.row);
    };
  },
};

/** The first two are measured against. */
export const contenders: readonly Contender[] = [int8, exact, graph, hnswlibWasm, voySearch, oramaVectors];
