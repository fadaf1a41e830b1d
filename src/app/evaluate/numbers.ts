/** Numbers of the Evaluate page. */
import { formatCount } from '../format';

/** A share as per cent with one decimal, without the sign. */
export const percent = (share: number): string => (share * 100).toFixed(1);

export const oneDecimal = (n: number): string => n.toFixed(1);

/** To three digits: 1,240,000 → 1.24 M. */
export function roughCount(n: number): string {
  if (n < 10_000) return formatCount(Math.round(n));
  const [value, unit] = n < 1e6 ? [n / 1e3, 'k'] : n < 1e9 ? [n / 1e6, 'M'] : [n / 1e9, 'G'];
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3).replace(/\.?0+$/, '')} ${unit}`;
}

export const signed = (share: number): string =>
  (share > 0 ? '+' : share < 0 ? '−' : '') + percent(Math.abs(share));

export const pValue = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));
