/** What each system is called and needs; without the systems themselves, so that a page can name one without loading all. */
import type { SystemId } from '../protocol/trace';

export interface SystemFacts {
  /** For people. */
  title: string;
  /** Whether a model beside the answering one works in it. */
  searcher: boolean;
  /** `given`: the retriever at hand. `bm25`: this one, whatever is at hand. */
  retriever: 'none' | 'given' | 'bm25';
  /** The searcher's own answer counts; no frozen generator. */
  answersItself?: true;
}

const s3Facts = (title: string): SystemFacts => ({ title, searcher: true, retriever: 'given' });

export const SYSTEMS: Readonly<Record<SystemId, SystemFacts>> = {
  s3: s3Facts('s3'),
  's3-no-selection': s3Facts('s3 without selection'),
  's3-no-initial': s3Facts('s3 without the first search'),
  's3-neither': s3Facts('s3 without both'),
  direct: { title: 'Direct', searcher: false, retriever: 'none' },
  cot: { title: 'CoT', searcher: false, retriever: 'none' },
  'naive-rag': { title: 'Naive RAG', searcher: false, retriever: 'given' },
  'naive-rag-bm25': { title: 'Naive RAG (BM25)', searcher: false, retriever: 'bm25' },
  deepretrieval: { title: 'DeepRetrieval', searcher: true, retriever: 'bm25' },
  'search-r1': { title: 'Search-R1', searcher: true, retriever: 'given', answersItself: true },
  'search-r1-ret': { title: 'Search-R1 (Ret)', searcher: true, retriever: 'given' },
  ircot: { title: 'IRCoT', searcher: true, retriever: 'given' },
  'ircot-s3': { title: "IRCoT (s3's form)", searcher: true, retriever: 'given' },
  'search-o1': { title: 'Search-o1', searcher: true, retriever: 'given', answersItself: true },
  'search-o1-s3': { title: "Search-o1 (s3's form)", searcher: true, retriever: 'given' },
};
