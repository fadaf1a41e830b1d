import { hostOf } from './host';

export const DEFAULT_HUB = 'https://huggingface.co';

/** The address in its plain form, without a slash at the end; null where it is none that files could come from. */
export function hubAddress(typed: string): string | null {
  const address = typed.trim().replace(/\/+$/, '');
  if (address === '') return DEFAULT_HUB;
  if (address.length > 500 || hostOf(address) === null) return null;
  const { origin, pathname, search, hash } = new URL(address);
  return search || hash ? null : `${origin}${pathname === '/' ? '' : pathname}`;
}
