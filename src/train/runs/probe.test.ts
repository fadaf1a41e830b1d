import { expect, test } from 'vitest';
import { systemClock } from '../../platform/clock';
import { defaultRunConfig } from './default-config';
import { probe } from './probe';
import { CountingSession } from './testing/counting-session';

const counts = { total: 7, solved: 0, yesNo: 0, unknown: 0, left: 7 };

/** Each look at it is a second later than the one before. */
function tickingClock() {
  let seconds = 0;
  return { ...systemClock, now: () => 1000 * seconds++ };
}

test('an estimate has the planned memory, and the time as measured for all questions of a step', async () => {
  const config = defaultRunConfig();
  const session = new CountingSession();
  const { signal } = new AbortController();
  const estimate = await probe(session, config, counts, { clock: tickingClock(), signal });
  expect(estimate).toMatchObject({ bytes: session.plannedBytes, weightBytes: 8, checkpointBytes: 8 });
  // Four of sixteen questions: a second of rollouts, a second of updates.
  expect(estimate.phases).toMatchObject({ rollouts: 4, actor: 4 });
  expect(estimate.secondsPerStep).toBe(8);
});

test('what was taken counts where it is more than was planned', async () => {
  const session = new CountingSession();
  session.liveBytes = () => 1000;
  const { signal } = new AbortController();
  const { bytes } = await probe(session, defaultRunConfig(), counts, { clock: systemClock, signal });
  expect(bytes).toBe(1000);
});
