/** What the scheduler needs on the device beside the graph itself. */
import type { Allocate, Backend, Extent, Operation, Tensor } from '../../gpu/backend';
import { COPY_FIELDS, SAMPLED_FIELDS, SAMPLE_SETTINGS } from '../../gpu/backend';
import { samplePartials } from '../../gpu/partials';
import type { Graph } from '../graph';
import { MAX_STEPS } from './pace';

export interface WorkingSet {
  /** Positions that `copies` copies, in every layer, as `copyTable` says. */
  copyRows: Extent;
  copyTable: Tensor;
  copies: Operation[];
  /** Of every slot: what its tokens are drawn with, and which tokens it holds; see `SampleArguments`. */
  settings: Tensor;
  seen: Tensor;
  /** `[MAX_STEPS · rows, SAMPLED_FIELDS]` */
  sampled: Tensor;
  /** From the residual stream to a token for every selected row; the row table is then ready for the next step. */
  draw: Operation[];
}

/** Its extent is the caller's to dispose of; the tensors come from `allocate`. */
export function buildWorkingSet(backend: Backend, allocate: Allocate, graph: Graph): WorkingSet {
  const { sizes, caches, headRows, logits, selected, rowTable } = graph;
  const copyRows = backend.extent(sizes.capacity);
  const copyTable = allocate('copy table', [COPY_FIELDS], 'u32');
  const copies = caches.map((cache) => backend.operations.copyCache({ rows: copyRows, copyTable, cache }));
  const words = Math.ceil((logits.shape[1] ?? 0) / 32);
  const settings = allocate('sampling settings', [sizes.slots, SAMPLE_SETTINGS], 'u32');
  const seen = allocate('seen tokens', [sizes.slots, words], 'u32');
  const most = Math.max(MAX_STEPS * sizes.slots, sizes.headRows);
  const sampled = allocate('sampled', [most, SAMPLED_FIELDS]);
  const partials = allocate('sampling partials', [sizes.headRows, samplePartials(logits.shape[1] ?? 0)]);
  const sample = backend.operations.sample({
    ...{ rows: headRows, logits, selected, rowTable, settings, seen, partials },
    output: sampled,
  });
  // The statistics of scoring would be two passes over the logits for nothing.
  const draw = [...graph.head.filter(({ name }) => name !== 'rowStatistics'), sample];
  return { copyRows, copyTable, copies, settings, seen, sampled, draw };
}
