/** What is called of the peers, which are not installed with the project itself; `in-browser.ts` says where they come from. */
declare module 'virtual:vector-peers' {
  interface HnswlibGraph {
    initIndex(capacity: number, connectivity: number, efAdd: number, seed: number): void;
    addPoint(vector: Float32Array, label: number, replaceDeleted: boolean): void;
    setEfSearch(ef: number): void;
    searchKnn(query: Float32Array, topK: number, filter: undefined): { neighbors: number[] };
  }
  export const hnswlib: {
    loadHnswlib(): Promise<{
      HierarchicalNSW: new (space: 'ip', dimensions: number, file: string) => HnswlibGraph;
    }>;
  };

  interface VoyRow {
    id: string;
    title: string;
    url: string;
    embeddings: number[];
  }
  export const voy: {
    __wbg_set_wasm(exports: WebAssembly.Exports): void;
    Voy: new (rows?: { embeddings: VoyRow[] }) => {
      add(rows: { embeddings: VoyRow[] }): void;
      search(query: Float32Array, topK: number): { neighbors: { id: string }[] };
    };
  };
  export const voyWasm: string;

  export const orama: {
    create(options: { schema: object }): unknown;
    insertMultiple(database: unknown, rows: readonly object[], batch: number): Promise<unknown>;
    search(
      database: unknown,
      options: {
        mode: 'vector';
        vector: { value: readonly number[]; property: string };
        similarity?: number;
        limit: number;
      },
    ): Promise<{ hits: { document: { row: number } }[] }>;
  };
}
