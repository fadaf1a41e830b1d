/** Libraries for full-text search in JavaScript, each as its own documentation sets it up for English. */
import { Bm25Builder } from '../../src/retrieval/bm25/bm25-builder';

export interface TextDocument {
  id: string;
  title: string;
  text: string;
}

export interface WordEngine {
  name: string;
  /** Everything up to the point where it answers. */
  build(documents: readonly TextDocument[]): Promise<(query: string, topK: number) => Promise<string[]>>;
}

/** What is not installed with the project itself; none of the types below is more than is called here. */
const load = async <T>(name: string): Promise<T> => (await import(name)) as T;

interface MiniSearchModule {
  default: new (options: object) => {
    addAll(documents: readonly TextDocument[]): void;
    search(query: string): { id: string }[];
  };
}

interface OramaModule {
  readonly create: (options: object) => unknown;
  readonly insertMultiple: (
    database: unknown,
    documents: readonly object[],
    batch: number,
  ) => Promise<unknown>;
  readonly search: (database: unknown, options: object) => Promise<{ hits: { document: { key: string } }[] }>;
}

interface LunrBuilder {
  ref(name: string): void;
  field(name: string): void;
  add(document: TextDocument): void;
}
interface LunrModule {
  default: ((configure: (this: LunrBuilder) => void) => {
    query(build: (query: LunrQuery) => void): { ref: string }[];
  }) & {
    tokenizer(text: string): unknown[];
  };
}
interface LunrQuery {
  term(tokens: unknown[], options: object): void;
}

interface WinkEngine {
  defineConfig(config: object): void;
  definePrepTasks(tasks: unknown[]): void;
  addDoc(document: { body: string }, id: string): void;
  consolidate(): void;
  search(query: string, limit: number): [id: string, score: number][];
}
interface WinkTools {
  default: { string: Record<string, unknown>; tokens: Record<string, unknown> };
}

const ours: WordEngine = {
  name: 's3-web',
  build(documents) {
    const builder = new Bm25Builder();
    for (const { title, text } of documents) builder.add(`${title}\n${text}`);
    const index = builder.build();
    return Promise.resolve((query, topK) =>
      Promise.resolve(Array.from(index.search(query, topK).rows, (row) => documents[row]?.id ?? '')),
    );
  },
};

const miniSearch: WordEngine = {
  name: 'MiniSearch 7.2.0',
  async build(documents) {
    const { default: MiniSearch } = await load<MiniSearchModule>('minisearch');
    const index = new MiniSearch({ fields: ['title', 'text'] });
    index.addAll(documents);
    return (query, topK) =>
      Promise.resolve(
        index
          .search(query)
          .slice(0, topK)
          .map(({ id }) => id),
      );
  },
};

const orama: WordEngine = {
  name: 'Orama 3.1.18',
  async build(documents) {
    const { create, insertMultiple, search } = await load<OramaModule>('@orama/orama');
    const database = create({
      schema: { key: 'string', title: 'string', text: 'string' },
      components: { tokenizer: { stemming: true, language: 'english', stemmerSkipProperties: ['key'] } },
    });
    const rows = documents.map(({ id, title, text }) => ({ key: id, title, text }));
    await insertMultiple(database, rows, 1000);
    return async (query, topK) => {
      const { hits } = await search(database, { term: query, limit: topK, properties: ['title', 'text'] });
      return hits.map(({ document }) => document.key);
    };
  },
};

const lunr: WordEngine = {
  name: 'lunr 2.3.9',
  async build(documents) {
    const { default: build } = await load<LunrModule>('lunr');
    const index = build(function () {
      this.ref('id');
      this.field('title');
      this.field('text');
      for (const document of documents) this.add(document);
    });
    // As terms: the query language would take a colon or a hyphen of a question for an operator.
    return (query, topK) => {
      const found = index.query((asked) => asked.term(build.tokenizer(query), {}));
      return Promise.resolve(found.slice(0, topK).map(({ ref }) => ref));
    };
  },
};

const wink: WordEngine = {
  name: 'wink-bm25-text-search 3.1.2',
  async build(documents) {
    const { default: create } = await load<{ default: () => WinkEngine }>('wink-bm25-text-search');
    const { default: tools } = await load<WinkTools>('wink-nlp-utils');
    const engine = create();
    engine.defineConfig({ fldWeights: { body: 1 } });
    const { string: text, tokens: words } = tools;
    engine.definePrepTasks([text['lowerCase'], text['tokenize0'], words['removeWords'], words['stem']]);
    for (const { id, title, text } of documents) engine.addDoc({ body: `${title}\n${text}` }, id);
    engine.consolidate();
    return (query, topK) => Promise.resolve(engine.search(query, topK).map(([id]) => id));
  },
};

export const wordEngines: readonly WordEngine[] = [ours, miniSearch, orama, lunr, wink];
