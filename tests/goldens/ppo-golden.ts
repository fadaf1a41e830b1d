/** The PPO goldens: inputs, and per case the settings and the scalars of every update. */
import { readJson, readTensors, type GoldenTensor } from './read-tensors';

export interface GoldenStep {
  step: number;
  actor_loss: number;
  value_loss: number;
  policy_loss: number;
  entropy: number;
  clipfrac: number;
  value_clipfrac: number;
  approx_kl: number;
  approx_kl_k3: number;
  actor_grad_norm: number;
  critic_grad_norm: number;
}

export interface GoldenCase {
  gae: 'plain' | 'skip';
  value_mask: string;
  whiten_mask: string;
  temperature: number;
  gamma: number;
  lam: number;
  steps: GoldenStep[];
  reward: { kl_mean_of_row_means: number; kl_token_mean: number };
}

export interface GoldenPpo {
  prompt_len: number;
  response_len: number;
  /** Updates of which gradients and parameters are saved. */
  save_steps: number[];
  hyper_parameters: Record<
    | ('clip' | 'value_clip' | 'entropy_coeff' | 'kl_beta' | 'lr_actor' | 'lr_critic')
    | ('beta1' | 'beta2' | 'eps' | 'weight_decay' | 'grad_clip'),
    number
  >;
  cases: Record<string, GoldenCase>;
}

export const GOLDEN_CASES = [
  'plain_a',
  'plain_b',
  'plain_b_noshift',
  'skip_b_offpolicy',
  'plain_a_temp',
] as const;

export const readGoldenPpo = async (): Promise<GoldenPpo> =>
  (await readJson('ppo', 'scalars.json')) as GoldenPpo;

/** The numbers of a tensor, whatever its type. */
export const numbersOf = ({ data }: GoldenTensor): Float64Array => Float64Array.from(data);

export async function readNumbers(...path: string[]): Promise<(name: string) => Float64Array> {
  const tensor = await readTensors(...path);
  return (name) => numbersOf(tensor(name));
}

export function maxError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < want.length; i += 1) {
    const error = Math.abs((got[i] ?? NaN) - (want[i] ?? NaN));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}
