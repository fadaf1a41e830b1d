/** The words of the paper, each in a sentence or two. Shown on hover and on the Glossary page. */
export const terms = {
  s3: [
    's3',
    'A way to answer questions over documents in which one model only searches and another only answers. The first is trained by how much better the second answers than it would with plain RAG.',
  ],
  searcher: [
    'Searcher',
    'The language model that writes queries, keeps documents and decides when to stop. It never answers.',
  ],
  generator: [
    'Generator',
    'The language model that answers from the documents that were kept. It is frozen: training never touches it.',
  ],
  retriever: [
    'Retriever',
    'What takes a query and returns the passages nearest to it: by meaning (dense) or by words (BM25).',
  ],
  encoder: [
    'Encoder',
    'A small model that turns a text into a vector, so that texts of like meaning lie close together.',
  ],
  passage: [
    'Passage',
    'A piece of a document, about 100 words with a title. The unit that is found, kept and read.',
  ],
  corpus: ['Corpus', 'The passages that are searched, with their index.'],
  found: ['Found', 'A passage that the retriever returned for a query.'],
  kept: [
    'Kept',
    'A passage that the searcher selected from what was found. Only kept passages reach the generator.',
  ],
  turn: [
    'Turn',
    'One step of the searcher: it reads what was found, keeps some, and searches again or stops.',
  ],
  context: ['Context', 'The passages that the generator reads before it answers: those kept, each once.'],
  trace: [
    'Trace',
    'The record of a run: every query, document, choice and answer with times and tokens. It can be exported and imported.',
  ],
  plainRag: [
    'Plain RAG',
    'The simplest system: search once with the question itself and answer from what comes first. s3 is measured by its gain over it.',
  ],
  gbr: [
    'Gain beyond RAG',
    'The reward that trains the searcher: how right the generator is with the kept documents, minus how right it is with plain RAG.',
  ],
  kst: [
    'k-s-t',
    'The shape of a run: k documents found per query, at most s kept per turn, at most t turns. 8-3-3 is the paper’s.',
  ],
  multihop: [
    'Multi-hop question',
    'A question whose answer takes a fact that the question does not name: one must look something up to know what to look up next.',
  ],
  gold: [
    'Gold passage',
    'A passage that a question’s author marked as holding the answer or a step towards it.',
  ],
  f1: [
    'F1',
    'How many words an answer shares with the expected one, between 0 and 1. Exact match (EM) is stricter: all or nothing.',
  ],
  dense: ['Dense retrieval', 'Ranking by the angle between the vectors of query and passage.'],
  bm25: ['BM25', 'Ranking by the words that query and passage share, rare words counting more.'],
  hybrid: [
    'Hybrid retrieval',
    'Dense retrieval and BM25 together: a passage counts by its ranks in both lists, not by their scores.',
  ],
  token: ['Token', 'The piece of text a language model reads and writes: a word or a part of one.'],
  seed: ['Seed', 'The number from which a run’s random choices follow. Same seed, same run.'],
  mode: [
    'Paper and code mode',
    'The published code differs from the paper in places, such as the number of turns. Either can be followed.',
  ],
  f16: ['f16', 'Numbers of 16 bits: half the memory and often twice the speed, where the GPU offers them.'],
  wasm: [
    'WASM',
    'Compiled code that runs on the processor in any browser; what is used where there is no GPU.',
  ],
} as const satisfies Record<string, readonly [string, string]>;

export type TermId = keyof typeof terms;

export const glossary = {
  heading: 'Glossary',
  lede: 'The words that this page uses, as the paper uses them.',
  paper: 'The paper: s3, arXiv 2505.14146',
} as const;
