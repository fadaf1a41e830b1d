/** Mutual exclusion between tabs and workers of one origin. */
export interface Locks {
  /** Runs the work while nobody else holds the name; waits for its turn. */
  hold<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Runs the work if the name is free; returns whether it was. */
  tryHold(name: string, work: () => Promise<void>): Promise<boolean>;
  /** Whether somebody holds the name at this moment. */
  isHeld(name: string): Promise<boolean>;
}

export const browserLocks: Locks = {
  // The type of `request` says that the result is what the callback returns, promise included.
  hold: async (name, work) => navigator.locks.request(name, work),
  async tryHold(name, work) {
    return navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return false;
      await work();
      return true;
    });
  },
  async isHeld(wanted) {
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === wanted);
  },
};

/** Within one thread: for Node, tests, and browsers without `navigator.locks`. */
export function createLocalLocks(): Locks {
  const held = new Map<string, Promise<unknown>>();
  async function hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = held.get(name) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.catch(() => undefined); // The caller hears of it; whoever waits need not.
    held.set(name, settled);
    try {
      return await mine;
    } finally {
      if (held.get(name) === settled) held.delete(name);
    }
  }
  return {
    hold,
    async tryHold(name, work) {
      if (held.has(name)) return false;
      await hold(name, work);
      return true;
    },
    isHeld: (name) => Promise.resolve(held.has(name)),
  };
}
