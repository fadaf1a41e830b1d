/**
 * The seed of one rollout: the same for the same run, step, question and number, whatever else is going on, so that a resumed step
 * draws the same tokens. Below 2^52, which leaves room for the turns that an episode adds to it.
 */
export function rolloutSeed(runSeed: number, step: number, questionId: string, rollout: number): number {
  const text = `${runSeed}/${step}/${rollout}/${questionId}`;
  const [high, low] = [hash(text, 0x811c9dc5), hash(text, 0x9e3779b9)];
  return (high >>> 12) * 2 ** 32 + low;
}

/** FNV-1a over UTF-16 units, finished as MurmurHash3 does: 32 bits. */
function hash(text: string, basis: number): number {
  let h = basis;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
