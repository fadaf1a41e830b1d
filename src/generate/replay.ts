import { AppError } from '../protocol/errors';
import type { GenerateEvent } from '../protocol/language-model';

/**
 * Lets a generation be begun anew without its reader noticing: what the reader has had already is left out. Greedy and seeded
 * generations repeat themselves; where one does not, the reader is told that it broke off.
 */
export class Replay {
  #given = '';
  #givenTokens = 0;
  #text = '';
  #tokens = 0;

  /** Before the generation is begun, and each time it is begun anew. */
  restart(): void {
    this.#text = '';
    this.#tokens = 0;
  }

  /** What is new of the event; null where nothing is. @throws AppError DEVICE_LOST where the text differs from what was given */
  pass(event: GenerateEvent): GenerateEvent | null {
    if (event.type === 'done') {
      if (!event.text.startsWith(this.#given)) throw new BrokeOff();
      return event;
    }
    const from = Math.max(0, this.#given.length - this.#text.length);
    const fromToken = Math.max(0, this.#givenTokens - this.#tokens);
    this.#text += event.text;
    this.#tokens += event.tokens?.length ?? 0;
    const same = this.#text.startsWith(this.#given) || this.#given.startsWith(this.#text);
    if (!same) throw new BrokeOff();
    const text = event.text.slice(from);
    const tokens = event.tokens?.slice(fromToken);
    if (this.#text.length > this.#given.length) this.#given = this.#text;
    this.#givenTokens = Math.max(this.#givenTokens, this.#tokens);
    if (text === '' && (tokens === undefined || tokens.length === 0)) return null;
    return { type: 'delta', text, ...(tokens && { tokens }) };
  }
}

/** The one loss of the device that another try does not mend. */
export class BrokeOff extends AppError {
  constructor() {
    super(
      'DEVICE_LOST',
      'The graphics device was lost in the middle of the text, which cannot be continued.',
      {
        fix: 'Ask again: the model is loaded. A fixed seed makes such a text repeatable.',
        recoverable: true,
      },
    );
  }
}
