import type { UnfinishedImport } from '../../protocol/corpus';
import { formatCount } from '../format';
import { corpora } from '../strings/corpora';
import { links } from '../strings/corpus-links';

/** How far an import came that was paused, cut short, or failed. */
export function unfinishedWords({
  passages,
  embedded,
  encoder,
  replaces,
  task,
  graphRows = 0,
}: UnfinishedImport): string {
  const what = task ?? (replaces === undefined ? 'import' : 'update');
  const all = formatCount(passages);
  if (graphRows > 0) return links.unfinished(what, links.inGraph(formatCount(graphRows), all));
  if (what === 'index') return links.unfinished(what);
  return links.unfinished(
    what,
    encoder === null ? links.passagesRead(all) : corpora.passages(formatCount(embedded), all),
  );
}
