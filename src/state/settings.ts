import type { ProtocolMode } from '../protocol/trace';
import type { ComputeDevice } from '../protocol/lm-worker';
import type { RetrievalMode } from '../protocol/retrieval';

/** Which language model plays a role: an embedded one by its registry id, or the endpoint that the user configured. */
export type ModelChoice = string;
export const ENDPOINT: ModelChoice = 'endpoint';
export const DEMO_CORPUS = 'demo';
export const DEMO_MODEL: ModelChoice = 'demo';

/** Everything that decides what a run does, apart from the question and what is behind an endpoint. */
export interface RunSettings {
  corpus: string;
  searcher: ModelChoice;
  generator: ModelChoice;
  retrieval: RetrievalMode;
  mode: ProtocolMode;
  /** k of k-s-t: documents found per query; 0 = as many as the searcher was trained with, else 8. */
  found: number;
  /** s of k-s-t: documents kept per turn at most. */
  kept: number;
  /** t of k-s-t: searching turns at most. */
  turns: number;
  seed: number;
  /** Where models of this tab run; `auto`: WebGPU on a GPU, else the CPU. */
  device: DeviceChoice;
}

export type DeviceChoice = ComputeDevice | 'auto';

export const LIMITS = { found: [0, 20], kept: [1, 10], turns: [1, 8], seed: [0, 2 ** 31 - 1] } as const;

/** 8-3-3 is the headline setting of the paper. */
const PAPER_FOUND = 8;

/** Documents per query in a run, given what the searcher was trained with. */
export const foundIn = (settings: Pick<RunSettings, 'found'>, trainedWith: number | undefined): number =>
  settings.found || (trainedWith ?? PAPER_FOUND);

export const DEFAULT_SETTINGS: Readonly<RunSettings> = {
  corpus: DEMO_CORPUS,
  searcher: DEMO_MODEL,
  generator: DEMO_MODEL,
  retrieval: 'dense',
  mode: 'paper',
  found: 0,
  kept: 3,
  turns: 3,
  seed: 0,
  device: 'auto',
};
