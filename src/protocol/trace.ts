import type { ErrorEnvelope } from './errors';
import type { Hit } from './retrieval';
import type { Usage } from './language-model';

export type SystemId = 's3' | 'naive-rag';
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

export type ActionKind = 'search' | 'search_complete' | 'invalid';

interface EventBase {
  /** 0 = the initial naive-RAG retrieval; 1… = searcher turns; the last turn's number for context and answer. */
  turn: number;
  /** Milliseconds since the run began. */
  atMs: number;
}

export type TraceEvent = EventBase &
  (
    | { type: 'question'; question: string; goldAnswers?: string[]; goldIds?: string[] }
    | { type: 'retrieved'; query: string; documents: ShownDocument[]; tookMs: number; error?: string }
    | { type: 'generated'; role: 'searcher' | 'generator'; text: string; usage: Usage; tookMs: number }
    /** `forced`: the turn limit ended the search here, whatever the action asked for; a `query` was then not searched. */
    | { type: 'action'; action: ActionKind; query?: string; thought?: string; forced?: boolean }
    /** The searcher's choice for the window that turn `window` showed; `numbers` ⊂ the numbers shown there. */
    | { type: 'selected'; window: number; numbers: number[]; passageIds: string[] }
    | { type: 'context'; passageIds: string[]; text: string; tokens: number }
    | { type: 'answered'; answer: string; model: string }
    | { type: 'scored'; em: number; f1: number; accuracy: number; goldInContext?: boolean }
    | { type: 'failed'; error: ErrorEnvelope }
  );

/** Text as it streams; shown, not kept. */
export interface TraceDelta {
  type: 'delta';
  role: 'searcher' | 'generator';
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
