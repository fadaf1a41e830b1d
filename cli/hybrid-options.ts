/** Options of a search by both, and of graphs. */
import type { VectorSearchSettings } from '../src/protocol/corpus';
import { DEFAULT_HYBRID, type HybridSettings, type RetrievalMode } from '../src/protocol/retrieval';
import { decimalNumber, UsageError, wholeNumber } from './command';

export const hybridOptions = {
  'rrf-k': {
    type: 'string',
    value: 'N',
    help: `of hybrid search: how little the first ranks stand out; default ${DEFAULT_HYBRID.k}`,
  },
  'dense-weight': {
    type: 'string',
    value: 'W',
    help: 'of hybrid search: of the ranking by vectors; default 1',
  },
  'bm25-weight': { type: 'string', value: 'W', help: 'of hybrid search: of the ranking by words; default 1' },
} as const;

export const graphOptions = {
  ef: {
    type: 'string',
    value: 'N',
    help: 'of an index with a graph: how many candidates a search looks at; more find more',
  },
} as const;

export type HybridOptions = Partial<
  Record<keyof typeof hybridOptions | keyof typeof graphOptions, string | undefined>
>;

/** What was given, checked. Refuses weights where nothing is weighed. */
export function searchSettings(
  values: HybridOptions,
  mode: RetrievalMode,
): { hybrid: Partial<HybridSettings>; vectors: Partial<VectorSearchSettings> } {
  const { 'rrf-k': k, 'dense-weight': dense, 'bm25-weight': bm25, ef } = values;
  const hybrid: Partial<HybridSettings> = {
    ...(k !== undefined && { k: decimalNumber('rrf-k', k, DEFAULT_HYBRID.k) }),
    ...(dense !== undefined && { dense: decimalNumber('dense-weight', dense, 1) }),
    ...(bm25 !== undefined && { bm25: decimalNumber('bm25-weight', bm25, 1) }),
  };
  if (mode !== 'hybrid' && Object.keys(hybrid).length > 0) {
    throw new UsageError('--rrf-k, --dense-weight and --bm25-weight are of --mode hybrid.');
  }
  if (mode === 'bm25' && ef !== undefined) throw new UsageError('--ef is of searches by vectors.');
  return { hybrid, vectors: ef === undefined ? {} : { ef: wholeNumber('ef', ef, 1, 1) } };
}
