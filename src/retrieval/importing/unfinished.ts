import type { UnfinishedImport } from '../../protocol/corpus';
import type { StagedImport } from '../../protocol/staged-corpus';
import { isPart, PART_VECTORS } from './embed-staged';
import { graphRows } from './graph-checkpoints';

/** What was left of an import, an update or a new index, and how far it had come. */
export function unfinishedOf({ id, plan, files }: StagedImport): UnfinishedImport {
  const { name, startedAt, passages, encoder, replaces, task, index } = plan;
  const inGraph = graphRows(files);
  // A new index is over the vectors that there are; a graph is begun when there are all.
  const isEmbedded = task === 'index' || inGraph > 0;
  return {
    ...{ id, name, startedAt, passages, encoder: encoder?.id ?? null },
    embedded: isEmbedded ? passages : Math.min(passages, files.filter(isPart).length * PART_VECTORS),
    ...(replaces !== undefined && { replaces }),
    ...(task && { task }),
    ...(index && { index }),
    ...(inGraph > 0 && { graphRows: inGraph }),
  };
}
