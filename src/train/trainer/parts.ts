/** What a trainer is made of, and what a step takes and gives. */
import type { Backend } from '../../gpu/backend';
import type { LoadedModel } from '../../lm/engine';
import type { HiddenStates } from '../graph/hidden-states';
import type { AdapterParameters, Parameter } from '../graph/parameters';
import type { PolicyModel } from '../graph/policy-model';
import type { AdamW } from '../optimiser';
import type { PpoConfig } from '../ppo/config';
import type { StepMetrics, TrainingProgress } from '../records';
import type { Critic } from './critic';
import type { ParameterState } from './parameter-state';
import type { PassSizes } from './passes';

/** Under this id the policy's adapter is resident in the engine. */
export const POLICY_ADAPTER = 'policy';

export interface StepOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

export interface StepResult {
  metrics: StepMetrics;
  /** Per rollout `[tokens.length]`: as the policy's loss took them, where it chose the token; 0 elsewhere. */
  advantages: Float32Array[];
  /** Per rollout `[tokens.length]`: of the state before the token, where the recipe asks for one; 0 elsewhere. */
  values: Float32Array[];
}

/** A learner's parameters with their optimiser. */
export interface Learner {
  parameters: readonly Parameter[];
  optimiser: AdamW;
  state: ParameterState;
}

export interface TrainerParts {
  backend: Backend;
  config: PpoConfig;
  engine: LoadedModel;
  policy: PolicyModel;
  actor: Learner;
  /** Where an adapter is trained; else all weights are, which are the engine's own. */
  adapter: AdapterParameters | undefined;
  /** The policy before training. */
  reference: PolicyModel;
  /** Of the reference. */
  hidden: HiddenStates;
  critic: (Learner & { model: Critic }) | undefined;
  sizes: PassSizes;
  dispose: () => void;
}
