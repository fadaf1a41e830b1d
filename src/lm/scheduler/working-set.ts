/** What the scheduler needs on the device beside the graph itself. */
import type { Allocate, Backend, Extent, Operation, Tensor } from '../../gpu/backend';
import { COPY_FIELDS } from '../../gpu/backend';
import type { Graph } from '../graph';

export interface WorkingSet {
  /** Positions that `copies` copies, in every layer, as `copyTable` says. */
  copyRows: Extent;
  copyTable: Tensor;
  copies: Operation[];
}

export function buildWorkingSet(backend: Backend, allocate: Allocate, { sizes, caches }: Graph): WorkingSet {
  const rows = backend.extent(sizes.capacity);
  const copyTable = allocate('copy table', [COPY_FIELDS], 'u32');
  const copies = caches.map((cache) => backend.operations.copyCache({ rows, copyTable, cache }));
  return { copyRows: rows, copyTable, copies };
}
