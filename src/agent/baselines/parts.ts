/** What the compared systems are made of, and the frame they share. */
import type { LanguageModel } from '../../protocol/language-model';
import type { Retriever } from '../../protocol/retrieval';
import type { RunOptions, System } from '../../protocol/system';
import type { ProtocolMode, SystemId } from '../../protocol/trace';
import { guarded, RunPosition, type Clock, type RunStream } from '../run-events';

export interface BaselineParts {
  /** Writes queries and thoughts; in systems that answer by themselves the answer, too. */
  searcher: LanguageModel;
  /** The frozen model that answers from the documents found. */
  generator: LanguageModel;
  retriever: Retriever;
  clock: Clock;
}

/** One run of one system. */
export interface BaselineRun {
  parts: BaselineParts;
  mode: ProtocolMode;
  question: string;
  options: RunOptions;
  position: RunPosition;
}

/** A system around its stream of events: mode from the options, failures as the last event. */
export function baselineSystem(
  id: SystemId,
  parts: BaselineParts,
  mode: ProtocolMode,
  stream: (run: BaselineRun) => RunStream,
): System {
  return {
    id,
    run(question: string, options: RunOptions): RunStream {
      const position = new RunPosition(parts.clock, options.signal);
      const run = { parts, mode: options.mode ?? mode, question, options, position };
      return guarded(position, () => stream(run));
    },
  };
}

/** A seed for each turn, so that equal prompts of two turns do not give equal texts. */
export const turnSeed = ({ options, position }: BaselineRun): { seed?: number } =>
  options.seed === undefined ? {} : { seed: options.seed + position.turn };
