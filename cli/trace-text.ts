import type { RetrievalMode } from '../src/protocol/retrieval';
import type { ShownDocument, TraceEvent } from '../src/protocol/trace';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const documentLine = ({ number, title, text }: ShownDocument): string => {
  const start = text.replace(/\s+/g, ' ');
  return `    [${number}] ${title}: ${start.length > 90 ? `${start.slice(0, 89)}…` : start}`;
};

/** By what was searched, and by what: ` (dense, exact on WASM, int8)`. */
function searchWords({ mode, how }: { mode?: RetrievalMode; how?: string }): string {
  const words = [mode === 'bm25' ? 'BM25' : mode, how].filter((word) => word !== undefined);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

/** A trace event as lines for people; an empty list for what they need not see. */
export function eventLines(event: TraceEvent): string[] {
  switch (event.type) {
    case 'question':
      return [`Question: ${event.question}`];
    case 'retrieved':
      return [
        `${event.turn === 0 ? 'Turn 0: the question itself' : `Turn ${event.turn}: "${event.query}"`}${searchWords(event)}`,
        ...(event.error === undefined ? event.documents.map(documentLine) : [`    failed: ${event.error}`]),
      ];
    case 'generated':
      return [
        `  ${event.role}: ${event.usage.promptTokens} tokens in (${event.usage.cachedTokens} cached), ${event.usage.completionTokens} out, ${seconds(event.tookMs)}`,
      ];
    case 'action':
      return actionLines(event);
    case 'selected':
      return [
        `  kept from turn ${event.window}: ${event.numbers.map((n) => `[${n}]`).join(' ') || 'nothing'}`,
      ];
    case 'context':
      return [`Context: ${event.passageIds.length} passages, ${event.tokens} tokens`];
    case 'answered':
      return [`Answer: ${event.answer}`];
    case 'scored': {
      const gold =
        event.goldInContext === undefined ? '' : `, gold in context: ${event.goldInContext ? 'yes' : 'no'}`;
      return [`Score: exact match ${event.em}, F1 ${event.f1.toFixed(2)}, accuracy ${event.accuracy}${gold}`];
    }
    case 'failed':
      return [`Failed: ${event.error.message}`];
  }
}

function actionLines({ action, thought, forced, note }: TraceEvent & { type: 'action' }): string[] {
  const words = {
    search: 'searches on',
    search_complete: 'is done',
    answer: 'answers',
    invalid: 'wrote no action that can be read',
  };
  const why = thought === undefined || thought === '' ? '' : ` (${thought.replace(/\s+/g, ' ')})`;
  return [
    `  searcher ${words[action]}${forced === true ? ', at the turn limit' : ''}${why}`,
    ...(note === undefined ? [] : [`  ${note}`]),
  ];
}
