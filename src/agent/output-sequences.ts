/**
 * Traces in the form of the original's `*_output_sequences.json`, so that its evaluation and ablation scripts read what we
 * write (spec of the formats, §5).
 */
import type { ShownDocument, TraceEvent, TraceFile } from '../protocol/trace';
import { AppError } from '../protocol/errors';
import { distinctDocuments } from './context';
import { ERROR_OBSERVATION, initialResults, INVALID_OBSERVATION, searchObservation } from './observation';
import { askedQuestion, searcherMessages, type PromptSettings } from './searcher-prompt';

export interface OutputSequence {
  golden_answers: string[];
  context_with_info: string;
  /** The whole searcher transcript, prompt included; absent for systems without a searcher. */
  response_str?: string;
}

/** Keyed by the question as all caches key it. */
export type OutputSequences = Record<string, OutputSequence>;

/** @throws AppError `BAD_INPUT` where the trace has no question or never reached a context. */
export function outputSequence(file: TraceFile): { question: string; entry: OutputSequence } {
  const asked = file.events.find((event) => event.type === 'question');
  const context = file.events.find((event) => event.type === 'context');
  if (!asked || !context) {
    throw new AppError(
      'BAD_INPUT',
      'The run ended before a context was built, so there is nothing to evaluate.',
      {
        fix: 'Leave out failed runs, or run the question again.',
      },
    );
  }
  const question = askedQuestion(asked.question);
  const golds = { golden_answers: asked.goldAnswers ?? [] };
  if (file.system.startsWith('s3')) {
    const response_str = renderTranscript(file);
    return { question, entry: { ...golds, context_with_info: context.text, response_str } };
  }
  const documents = file.events.flatMap((event) => (event.type === 'retrieved' ? event.documents : []));
  // Search-R1's script writes each document once, the others' every one.
  const written = file.system === 'search-r1-ret' ? distinctDocuments(documents) : documents;
  return { question, entry: { ...golds, context_with_info: initialResults(written) } };
}

export function outputSequences(files: readonly TraceFile[]): OutputSequences {
  return Object.fromEntries(
    files.map((file) => {
      const { question, entry } = outputSequence(file);
      return [question, entry];
    }),
  );
}

/** The searcher's sequence in the chat form of Qwen, in which the original stores it. */
export function renderTranscript(file: TraceFile): string {
  const question = file.events.find((event) => event.type === 'question')?.question ?? '';
  const windows = new Map(
    file.events.flatMap((event) => (event.type === 'retrieved' ? [[event.turn, event] as const] : [])),
  );
  const initial: readonly ShownDocument[] = windows.get(0)?.documents ?? [];
  const [prompt] = searcherMessages(question, initialResults(initial), promptSettings(file.settings));
  const body = file.events.flatMap((event) => {
    if (event.type === 'generated' && event.role === 'searcher') return [event.text];
    if (event.type === 'action') return [observationAfter(event)];
    if (event.type !== 'retrieved' || event.turn === 0) return [];
    return [event.error === undefined ? searchObservation(event.documents) : ERROR_OBSERVATION];
  });
  const user = `<|im_start|>user\n${prompt?.content ?? ''}<|im_end|>\n`;
  return `${user}<|im_start|>assistant\n${body.join('')}<|im_end|>`;
}

/** A search is followed by its results, which have their own event; the end of the search by nothing. */
const observationAfter = ({ action, forced }: Extract<TraceEvent, { type: 'action' }>): string =>
  action === 'invalid' && !forced ? INVALID_OBSERVATION : '';

function promptSettings(settings: TraceFile['settings']): PromptSettings {
  const { promptStyle, documentsSelected, booleanQueries } = settings;
  return {
    promptStyle: promptStyle === 'compact' ? 'compact' : 'full',
    documentsSelected: typeof documentsSelected === 'number' ? documentsSelected : 3,
    booleanQueries: booleanQueries === true,
  };
}
