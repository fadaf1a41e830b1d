import { describe, expect, it } from 'vitest';
import { formatWhen } from './format';

describe('when something was done', () => {
  const now = new Date(2026, 10, 22, 15, 0);
  it('is told as short as it can be', () => {
    expect(formatWhen(new Date(2026, 10, 22, 4, 5).toISOString(), now)).toBe('today, 04:05');
    expect(formatWhen(new Date(2026, 10, 3, 14, 5).toISOString(), now)).toBe('3 Nov');
    expect(formatWhen(new Date(2025, 10, 22, 15, 0).toISOString(), now)).toBe('22 Nov 2025');
    expect(formatWhen('no date', now)).toBe('');
  });
});
