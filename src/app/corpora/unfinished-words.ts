import type { UnfinishedImport } from '../../protocol/corpus';
import { formatCount } from '../format';
import { links } from '../strings/corpus-links';

/** How far an import came that was paused, cut short, or failed. */
export const unfinishedWords = ({ passages, embedded, encoder, replaces }: UnfinishedImport): string =>
  links.unfinished(formatCount(passages), formatCount(embedded), {
    ...{ encoder: encoder !== null, update: replaces !== undefined },
  });
