import type { ProtocolMode, SystemId, TraceDelta, TraceEvent } from './trace';

export interface RunOptions {
  signal?: AbortSignal;
  seed?: number;
  mode?: ProtocolMode;
  goldAnswers?: string[];
  goldIds?: string[];
}

/** s3 or one of the systems it is compared with. The events form the trace; deltas are live only. */
export interface System {
  readonly id: SystemId;
  run(question: string, options: RunOptions): AsyncIterable<TraceEvent | TraceDelta>;
}
