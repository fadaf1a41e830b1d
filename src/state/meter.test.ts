import { describe, expect, it } from 'vitest';
import { Meter } from './meter';

const at = (done: number) => ({ done, total: 1000, unit: 'bytes' as const });

describe('the meter', () => {
  it('says no rate before it can know one', () => {
    const meter = new Meter();
    expect(meter.measure(at(10), 0)).toMatchObject({ rate: 0, secondsLeft: null, fraction: 0.01 });
    expect(meter.measure(at(20), 100).rate).toBe(0);
  });
  it('says rate and time left', () => {
    const meter = new Meter();
    meter.measure(at(0), 0);
    expect(meter.measure(at(200), 1000)).toMatchObject({ rate: 200, secondsLeft: 4 });
  });
  it('forgets the old rate when a new count begins', () => {
    const meter = new Meter();
    meter.measure(at(0), 0);
    meter.measure(at(900), 1000);
    expect(meter.measure(at(5), 1100).rate).toBe(0);
  });
  it('follows a rate that changes', () => {
    const meter = new Meter();
    for (let s = 0; s <= 10; s++) meter.measure(at(s * 50), s * 1000);
    let last = 0;
    for (let s = 11; s <= 20; s++) last = meter.measure(at(500 + (s - 10) * 5), s * 1000).rate;
    expect(last).toBeCloseTo(5, 0);
  });
});
