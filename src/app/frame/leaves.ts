/** What leaves the tab, in a line. */
import type { Outside } from '../../state/outside';
import { frame } from '../strings/frame';

/** The strongest first: what a model is shown, what is searched for, what is read. */
export function leavesLine(outside: readonly Outside[]): string {
  const words = frame.capability;
  const hosts = (...roles: Outside['role'][]): string =>
    [...new Set(outside.filter(({ role }) => roles.includes(role)).map(({ host }) => host))].join(', ');
  const [models, servers, packs] = [hosts('searcher', 'generator'), hosts('corpus'), hosts('pack')];
  const parts = [
    ...(models ? [words.leavesTo(models)] : []),
    ...(servers ? [words.queriesTo(servers)] : []),
    ...(packs ? [words.readFrom(packs)] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : words.nothingLeaves;
}
