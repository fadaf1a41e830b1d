/** Whether a system can be expected to work with a model: each was trained, or is meant, for one protocol. Pure. */
import { SYSTEMS } from '../agent/system-facts';
import type { SystemId } from '../protocol/trace';
import type { ModelOption } from './laboratory';

/** `demo`: the small one of this page, which knows s3's compact protocol and its own world alone. */
export type TrainedFor = NonNullable<ModelOption['trainedFor']>;

/**
 * `other-protocol`: its searcher was trained for another system. `untrained`: this system is a trained one, and the searcher only
 * follows its prompt. `by-heart`: its generator reads passages, and here has none.
 */
export type Misfit = 'other-protocol' | 'untrained' | 'by-heart';

const MADE_FOR: Partial<Record<SystemId, readonly TrainedFor[]>> = {
  s3: ['demo', 's3'],
  's3-no-selection': ['demo', 's3'],
  's3-no-initial': ['demo', 's3'],
  's3-neither': ['demo', 's3'],
  deepretrieval: ['deepretrieval'],
  'search-r1': ['search-r1'],
  'search-r1-ret': ['search-r1'],
};

/** Null: nothing speaks against it. Of a model whose training is not known, `undefined`, it is taken to follow instructions. */
export function misfitOf(
  system: SystemId,
  searcher: TrainedFor | undefined,
  generator: TrainedFor | undefined,
): Misfit | null {
  const facts = SYSTEMS[system];
  if (facts.retriever === 'none') return generator === 'demo' ? 'by-heart' : null;
  if (!facts.searcher) return null;
  const made = MADE_FOR[system];
  const instructed = searcher === undefined || searcher === 'general';
  if (!made) return instructed ? null : 'other-protocol';
  if (instructed) return 'untrained';
  return made.includes(searcher) ? null : 'other-protocol';
}
