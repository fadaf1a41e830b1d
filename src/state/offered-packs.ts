/** Index packs that the page offers: `packs.json` beside it, for whoever serves the page to add to. */
import * as v from 'valibot';
import type { Fetch } from '../protocol/clock';
import type { OfferedPack } from './laboratory';

const schema = v.object({
  packs: v.array(
    v.object({
      name: v.pipe(v.string(), v.maxLength(200)),
      note: v.pipe(v.string(), v.maxLength(500)),
      /** Absolute, or relative to the list. */
      url: v.pipe(v.string(), v.maxLength(1000)),
    }),
  ),
});

/** Resolves to none where the list is missing or unreadable: packs can be opened by their addresses all the same. */
export async function fetchOfferedPacks(fetch: Fetch, list: string): Promise<OfferedPack[]> {
  const response = await fetch(list).catch(() => null);
  if (!response?.ok) return [];
  const parsed = v.safeParse(schema, await response.json().catch(() => null));
  if (!parsed.success) return [];
  return parsed.output.packs.flatMap(({ url, ...pack }) =>
    URL.canParse(url, list) ? [{ ...pack, url: new URL(url, list).href }] : [],
  );
}
