/** What a trainer computes with, over weights that are there already; on a backend that counts, what it would take. */
import type { Backend } from '../../gpu/backend';
import type { ModelConfig } from '../../lm/config';
import type { LoraAdapter } from '../../lm/lora/adapter';
import { LORA_MODULES } from '../../lm/lora/modules';
import type { ModelWeights } from '../../lm/weights';
import type { TrainingSizes } from '../graph/activations';
import { HiddenStates } from '../graph/hidden-states';
import { AdapterParameters, WeightParameters, type Parameter, type Trained } from '../graph/parameters';
import { PolicyModel } from '../graph/policy-model';
import { TrainingTrunk } from '../graph/trunk';
import { AdamW } from '../optimiser';
import type { RunConfig } from '../records';
import { AdapterCritic } from './adapter-critic';
import type { Critic } from './critic';
import { HeadCritic } from './head-critic';
import { newAdapter } from './new-adapter';
import { checkpointNames, ParameterState } from './parameter-state';
import type { Learner, TrainerParts } from './parts';

export interface AssembleRequest {
  backend: Backend;
  model: ModelConfig;
  /** The engine's; trained themselves where no adapter is. */
  weights: ModelWeights;
  config: RunConfig;
  sizes: TrainingSizes;
  /** The adapter in training. */
  first: LoraAdapter | undefined;
  /** The adapter that training goes on from: it is a part of the reference. */
  initial: LoraAdapter | undefined;
  /** A copy of the weights, where they are trained themselves. */
  untrained: Trained;
  /** Disposed of in reverse order. */
  own: <T extends { dispose(): void }>(item: T) => T;
}

/** Whether anything but the policy computes: a reference or a critic. */
export const needsUntrained = ({ ppo }: RunConfig): boolean =>
  ppo.critic !== undefined || ppo.kl.place !== 'none';

/** `backend.ready()` must follow. */
export function assemble(
  request: AssembleRequest,
): Pick<TrainerParts, 'policy' | 'actor' | 'adapter' | 'reference' | 'hidden' | 'critic'> {
  const { backend, model, weights, config, first, initial, untrained, own } = request;
  const { ppo } = config;
  const { temperature } = ppo.sampling;
  const adapter = first && own(new AdapterParameters(backend, model, first));
  const all = first ? undefined : own(new WeightParameters(backend, weights));
  const trunk = own(new TrainingTrunk(backend, model, weights, request.sizes));
  const before = initial && { adapter: own(new AdapterParameters(backend, model, initial)) };
  const reference: Trained = { ...untrained, ...before };
  const names = checkpointNames(model);
  const learner = (prefix: string, parameters: readonly Parameter[]): Learner => {
    const settings = { ...ppo.adamW, gradientClip: ppo.gradientClip };
    const optimiser = own(new AdamW(backend, trunk.train, parameters, settings));
    const state = new ParameterState(backend, prefix, parameters, optimiser, names);
    return { parameters, optimiser, state };
  };
  const critic = ppo.critic && own(makeCritic(trunk, config, untrained));
  const inTraining: Trained = { ...(adapter && { adapter }), ...(all && { weights: all }) };
  return {
    adapter,
    policy: new PolicyModel(trunk, inTraining, temperature),
    actor: learner('', adapter?.parameters ?? all?.parameters ?? []),
    reference: new PolicyModel(trunk, reference, temperature),
    hidden: new HiddenStates(trunk, reference),
    critic: critic && { ...learner('critic.', critic.parameters), model: critic },
  };
}

function makeCritic(trunk: TrainingTrunk, config: RunConfig, untrained: Trained): Critic {
  const { criticRank: rank, trained, ppo } = config;
  if (rank === 0) return new HeadCritic(trunk);
  const modules = trained.kind === 'adapter' ? trained.modules : LORA_MODULES;
  const wanted = { rank, alpha: 2 * rank, modules, seed: ppo.seed + 1 };
  return new AdapterCritic(trunk, untrained, newAdapter(trunk.config, wanted));
}
