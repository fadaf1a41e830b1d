import { createContext, tick } from 'svelte';
import { SvelteMap, SvelteSet } from 'svelte/reactivity';

/** Which rows of a thread are open, and where a citation leads. */
export class ThreadUi {
  readonly prefix: string;
  documents = new SvelteSet<string>();
  /** Turns that the reader opened or folded by hand; the others open and fold by themselves. */
  turns = new SvelteMap<number, boolean>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  idOf(turn: number, number: number): string {
    return `${this.prefix}-${turn}-${number}`;
  }

  toggle(id: string): void {
    if (!this.documents.delete(id)) this.documents.add(id);
  }

  reset(): void {
    this.documents.clear();
    this.turns.clear();
  }

  /** Opens a document in place and brings it before the reader's eyes. */
  async jump(turn: number, number: number): Promise<void> {
    const id = this.idOf(turn, number);
    this.turns.set(turn, true);
    this.documents.add(id);
    await tick();
    const row = document.getElementById(id);
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }
}

/** How a thread is drawn, apart from what is open in it. */
export interface ThreadLook {
  /** In a column: snippets go below their titles. */
  readonly narrow: boolean;
  /** Passages that no thread beside it read. */
  readonly only: ReadonlySet<string>;
}

export const [getThreadLook, setThreadLook] = createContext<ThreadLook>();
export const [getThreadUi, setThreadUi] = createContext<ThreadUi>();
