import type { ErrorEnvelope } from './errors';
import type { Hit, RetrievalMode } from './retrieval';
import type { Usage } from './language-model';

/** s3, its ablations, and what it is compared with. `naive-rag` is dense where the corpus has vectors. */
export const SYSTEM_IDS = [
  's3',
  's3-no-selection',
  's3-no-initial',
  's3-neither',
  'direct',
  'cot',
  'naive-rag',
  'naive-rag-bm25',
  'deepretrieval',
  'search-r1',
  'search-r1-ret',
  'ircot',
  'ircot-s3',
  'search-o1',
  'search-o1-s3',
] as const;
export type SystemId = (typeof SYSTEM_IDS)[number];
/** `paper`: as the paper says. `code`: as the published repository does. */
export type ProtocolMode = 'paper' | 'code';

/** A document as one observation window showed it; `number` is the id that the searcher may select. */
export interface ShownDocument {
  number: number;
  passageId: string;
  title: string;
  /** The passage as the corpus has it: neither escaped nor cut. */
  text: string;
  score: number;
  /** How many characters of `text` the searcher saw, where the window was cut to its token limit. Absent: all of it. */
  shownLength?: number;
}

/** `answer`: the searcher answers by itself, as Search-R1 and Search-o1 do. */
export type ActionKind = 'search' | 'search_complete' | 'answer' | 'invalid';

/** `condenser`: the model that sums up documents for the searcher, as in Search-o1. */
export type ModelRole = 'searcher' | 'condenser' | 'generator';

interface EventBase {
  /** 0 = the initial naive-RAG retrieval; 1… = searcher turns; the last turn's number for context and answer. */
  turn: number;
  /** Milliseconds since the run began. */
  atMs: number;
}

export type TraceEvent = EventBase &
  (
    | { type: 'question'; question: string; goldAnswers?: string[]; goldIds?: string[] }
    | {
        type: 'retrieved';
        query: string;
        documents: ShownDocument[];
        tookMs: number;
        error?: string;
        mode?: RetrievalMode;
        /** What answered: `hnsw on WASM, f16, ef 128`. */
        how?: string;
      }
    | { type: 'generated'; role: ModelRole; text: string; usage: Usage; tookMs: number }
    /**
     * `forced`: the turn limit ended the search here, whatever the action asked for; a `query` was then not searched.
     * `note`: what the system did of its own accord, such as searching with the question because the query was unreadable.
     */
    | {
        type: 'action';
        action: ActionKind;
        query?: string;
        thought?: string;
        forced?: boolean;
        note?: string;
      }
    /** The searcher's (or its system's) choice for the window that turn `window` showed; `numbers` ⊂ the numbers shown there. */
    | { type: 'selected'; window: number; numbers: number[]; passageIds: string[] }
    | { type: 'context'; passageIds: string[]; text: string; tokens: number }
    | { type: 'answered'; answer: string; model: string }
    | { type: 'scored'; em: number; f1: number; accuracy: number; goldInContext?: boolean }
    | { type: 'failed'; error: ErrorEnvelope }
  );

/** Text as it streams; shown, not kept. */
export interface TraceDelta {
  type: 'delta';
  role: ModelRole;
  turn: number;
  text: string;
}

export type TraceEventType = TraceEvent['type'];
export type TraceEventOf<T extends TraceEventType> = Extract<TraceEvent, { type: T }>;

/** The file that a trace exports to and imports from. */
export interface TraceFile {
  format: 's3-web/trace';
  version: 1;
  system: SystemId;
  mode: ProtocolMode;
  settings: Record<string, string | number | boolean>;
  startedAt: string;
  events: TraceEvent[];
}

export type { Hit };
