export interface StopPiece {
  /** Text that is certain to belong to the answer and was not handed out before. */
  text: string;
  /** The stop string that ended the text; from then on nothing more comes. */
  stopped?: string;
}

/**
 * Looks for stop strings in text that arrives in pieces. The text ends where the first stop string is *complete*; of several
 * complete at the same place, the longest counts. The result depends on the text alone, never on how it was cut.
 * While a piece could still be the beginning of a stop string that would be dropped, it is held back.
 */
export class StopStrings {
  private readonly stops: readonly string[];
  /** Received, and not yet known to be free of stop strings. */
  private pending = '';
  /** How many characters at the head of `pending` were handed out already (only when stop strings are kept). */
  private handedOut = 0;
  private done = false;

  constructor(
    stops: readonly string[],
    private readonly keep: boolean,
  ) {
    this.stops = stops.filter((stop) => stop.length > 0);
  }

  push(piece: string): StopPiece {
    if (this.done) return { text: '' };
    this.pending += piece;
    const match = this.firstMatch();
    if (match) {
      this.done = true;
      const end = this.keep ? match.end : match.end - match.stop.length;
      return { text: this.pending.slice(this.handedOut, end), stopped: match.stop };
    }
    const possibleStart = this.pending.length - this.longestBeginning();
    const until = this.keep ? this.pending.length : possibleStart;
    const text = this.pending.slice(this.handedOut, until);
    this.pending = this.pending.slice(possibleStart);
    this.handedOut = until - possibleStart;
    return { text };
  }

  /** What was held back, at the end of the text. */
  flush(): string {
    if (this.done) return '';
    this.done = true;
    return this.pending.slice(this.handedOut);
  }

  private firstMatch(): { stop: string; end: number } | undefined {
    let best: { stop: string; end: number } | undefined;
    for (const stop of this.stops) {
      const start = this.pending.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (!best || end < best.end || (end === best.end && stop.length > best.stop.length))
        best = { stop, end };
    }
    return best;
  }

  /** Length of the longest tail of `pending` that a stop string begins with. */
  private longestBeginning(): number {
    let longest = 0;
    for (const stop of this.stops) {
      const most = Math.min(stop.length - 1, this.pending.length);
      for (let length = most; length > longest; length--) {
        if (this.pending.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
