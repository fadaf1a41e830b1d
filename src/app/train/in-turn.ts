/**
 * Runs drawing work one piece per frame: a step redraws a dozen charts, which in one go would hold the page's thread. A piece that
 * waits already is replaced by its newer self.
 */
const waiting = new Map<object, () => void>();
let asked = false;

function next(): void {
  const [first] = waiting;
  asked = false;
  if (!first) return;
  const [owner, work] = first;
  waiting.delete(owner);
  work();
  ask();
}

function ask(): void {
  if (asked || waiting.size === 0) return;
  asked = true;
  // A page in the background gets no frames: then charts wait until it is looked at.
  requestAnimationFrame(next);
}

export function inTurn(owner: object, work: () => void): void {
  waiting.set(owner, work);
  ask();
}

export const outOfTurn = (owner: object): void => void waiting.delete(owner);
