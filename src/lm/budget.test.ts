import { expect, it } from 'vitest';
import { budgetSuite } from '../../tests/models/budget-suite';
import { QWEN_CONFIGS } from '../../tests/models/made-checkpoint';
import { CpuBackend } from '../gpu/cpu/backend';
import { longestContext, planMemory } from './budget';
import { parseModelConfig } from './config';

budgetSuite('the CPU', () => Promise.resolve(new CpuBackend()));

const GiB = 2 ** 30;
const qwen = (size: keyof typeof QWEN_CONFIGS) => parseModelConfig(QWEN_CONFIGS[size]);

it('plans a 7B model in 4 bits as its arithmetic says: 4 to 5 GiB with 8192 tokens', () => {
  const plan = planMemory({ config: qwen('7B'), weights: 'q4', maxContext: 8192 });
  // 28 layers · 2 · 4 heads · 128 · 4 bytes.
  expect(plan.cachePerToken).toBe(114_688);
  expect(plan.weights / GiB).toBeGreaterThan(4.2);
  expect(plan.weights / GiB).toBeLessThan(4.7);
  expect(plan.total / GiB).toBeLessThan(5.7);
});

it('finds the longest context that fits, to the token, or none', () => {
  const request = { config: qwen('0.5B'), weights: 'q4', maxContext: 32768 } as const;
  const longest = longestContext(request, 0.6 * GiB)!;
  expect(planMemory({ ...request, maxContext: longest }).total).toBeLessThanOrEqual(0.6 * GiB);
  expect(planMemory({ ...request, maxContext: longest + 1 }).total).toBeGreaterThan(0.6 * GiB);
  expect(longestContext(request, 0.2 * GiB)).toBeUndefined();
  expect(longestContext(request, 8 * GiB)).toBe(32768);
});
