/** Names of stored models in links, settings and folders. Pure. */
import type { WeightType } from './model-import';
import type { ImportModelRequest, StoredModel, StoredOrigin } from './model-library';

type Source = ImportModelRequest['from'];

/** A name as a folder, an id in links, and nothing else. */
export const slugOf = (name: string, longest = 48): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[-.]+/, '')
    .slice(0, longest)
    .replace(/[-.]+$/, '') || 'model';

export const originOf = (from: Source): StoredOrigin =>
  from.kind === 'hub'
    ? { kind: 'hub', hub: from.hub, repository: from.repository, revision: from.revision }
    : { kind: 'files', name: from.name };

export const sameOrigin = (a: StoredOrigin, b: StoredOrigin): boolean =>
  a.kind === 'hub' && b.kind === 'hub'
    ? a.hub === b.hub && a.repository === b.repository && a.revision === b.revision
    : a.kind === 'files' && b.kind === 'files' && a.name === b.name;

export const titleOf = (from: StoredOrigin): string => (from.kind === 'hub' ? from.repository : from.name);

/** The same import has the same id, so that two tabs meet at one lock and a paused one is found again. */
export function idFor(
  from: Source,
  weights: WeightType | undefined,
  known: readonly Pick<StoredModel, 'id' | 'origin'>[],
): string {
  const origin = originOf(from);
  const base = `${slugOf(titleOf(origin))}-${weights ?? 'stored'}`;
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`;
    const other = known.find((model) => model.id === id);
    if (!other || sameOrigin(other.origin, origin)) return id;
  }
}

const BETWEEN = '..';

/** What a setting says of a stored model with one of its adapters. */
export const withAdapter = (model: string, adapter: string | undefined): string =>
  adapter === undefined ? model : `${model}${BETWEEN}${adapter}`;

export function splitChoice(choice: string): { model: string; adapter: string | undefined } {
  const at = choice.indexOf(BETWEEN);
  return at < 0
    ? { model: choice, adapter: undefined }
    : { model: choice.slice(0, at), adapter: choice.slice(at + BETWEEN.length) };
}
