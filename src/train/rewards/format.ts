/** Whether a transcript keeps to its system's protocol. */
import { searchObservation } from '../../agent/observation';
import { SEARCH_R1_INVALID } from '../../agent/baselines/search-r1-text';
import type { TraceEvent } from '../../protocol/trace';
import type { Episode } from './reward';
import { eventsOf } from './trace-facts';

/**
 * s3: every turn searched or ended the search, and the searcher ended it before its turns were used up. DeepRetrieval and Search-R1: as
 * their own checks have it.
 */
export function isWellFormed({ system, events }: Pick<Episode, 'system' | 'events'>): boolean {
  if (system === 'deepretrieval') return isRewrite(writtenBy(events).join(''));
  if (system === 'search-r1' || system === 'search-r1-ret') return isSearchR1(searchR1Transcript(events));
  const actions = eventsOf(events, 'action');
  const last = actions.at(-1);
  if (!last || actions.some(({ action }) => action === 'invalid')) return false;
  return last.forced !== true && (last.action === 'search_complete' || last.action === 'answer');
}

/**
 * DeepRetrieval's check of a rewrite: thought, then answer, each tag once. The opening `<think>` stands in the prompt.
 * @param response what the model wrote
 */
export function isRewrite(response: string): boolean {
  const text = `<think>${response}`;
  const places = ['<think>', '</think>', '<answer>', '</answer>'].map((tag) => {
    const pieces = text.split(tag);
    return pieces.length === 2 ? (pieces[0]?.length ?? -1) : -1;
  });
  return places.every((place, i) => place >= 0 && place >= (places[i - 1] ?? 0));
}

type Block = 'think' | 'search' | 'information' | 'answer';
/** What may follow what in Search-R1's transcripts (its `qa_em_format.py`). */
const FOLLOWERS: Readonly<Record<Block | 'start', readonly Block[]>> = {
  start: ['think'],
  think: ['search', 'answer'],
  search: ['information'],
  information: ['think'],
  answer: [],
};
const BLOCK = /^\s*<(think|search|information|answer)>([\s\S]*?)<\/\1>/;
const ANY_TAG = /<\/?(?:think|search|information|answer)>/;

/** Version 0.3's check: think → (search → information → think)* → answer, nothing but blanks between and after. */
export function isSearchR1(transcript: string): boolean {
  let state: Block | 'start' = 'start';
  let rest = transcript;
  for (;;) {
    const match = BLOCK.exec(rest);
    if (!match) return state === 'answer' && rest.trim() === '';
    const block = match[1] as Block;
    // A tag inside a block leaves its own unbalanced.
    if (!FOLLOWERS[state].includes(block) || ANY_TAG.test(match[2] ?? '')) return false;
    state = block;
    rest = rest.slice(match[0].length);
  }
}

const writtenBy = (events: readonly TraceEvent[]): string[] =>
  eventsOf(events, 'generated')
    .filter(({ role }) => role === 'searcher')
    .map(({ text }) => text);

/** Responses and what the environment said between them. */
function searchR1Transcript(events: readonly TraceEvent[]): string {
  return events
    .map((event) => {
      if (event.type === 'generated' && event.role === 'searcher') return event.text;
      if (event.type === 'retrieved') return searchObservation(event.documents);
      return event.type === 'action' && event.action === 'invalid' ? SEARCH_R1_INVALID : '';
    })
    .join('');
}
