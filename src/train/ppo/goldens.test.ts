import { describe, expect, it } from 'vitest';
import { GOLDEN_CASES, maxError, readGoldenPpo, readNumbers } from '../../../tests/goldens/ppo-golden';
import { actorLoss } from './actor-loss';
import { lossWeights } from './aggregate';
import { gae } from './gae';
import { klValues } from './kl';
import { maskedMean, maskedWhiten } from './masked';
import { sequenceMeanKl, tokenRewards } from './rewards';
import { valueLoss } from './value-loss';

const golden = await readGoldenPpo();
const inputs = await readNumbers('ppo', 'inputs.safetensors');
const length = golden.response_len;
const hyper = golden.hyper_parameters;

const masked = (values: Float64Array, mask: Float64Array): Float64Array => values.map((v, i) => v * mask[i]!);

describe.each(['a', 'b'] as const)('advantages with gamma and lambda %s', (setting) => {
  const variants = [
    ['plain', 'shifted_attention_mask', 'response_attention_mask', false],
    ['plain_noshift', 'response_attention_mask', 'response_attention_mask', false],
    ['plain_action_whiten', 'shifted_attention_mask', 'response_mask', false],
    ['skip', 'response_mask', 'response_mask', true],
  ] as const;
  it.each(variants)('%s agree with the reference', async (name, valueMask, whitenMask, isSkipping) => {
    const want = await readNumbers('ppo', 'gae.safetensors');
    const [gamma = NaN, lambda = NaN] = want(`gamma_lambda_${setting}`);
    const full = want('values_full');
    const columns = golden.prompt_len + length;
    const mask = want(valueMask);
    // The value of the state before response token t stands one column before it.
    const values = mask.map((m, i) => {
      const row = Math.floor(i / length);
      return m * full[row * columns + golden.prompt_len - 1 + (i % length)]!;
    });
    expect(maxError(values, want(`${name}_${setting}.values`))).toBeLessThan(1e-7);
    const rewards = want('token_level_rewards');
    const result = gae({
      ...{ rewards, values, length, gamma, lambda },
      ...(isSkipping && { mask: want('response_mask') }),
    });
    expect(maxError(result.advantages, want(`${name}_${setting}.advantages_raw`))).toBeLessThan(1e-6);
    expect(maxError(result.returns, want(`${name}_${setting}.returns`))).toBeLessThan(1e-6);
    const whitened = maskedWhiten(result.advantages, want(whitenMask));
    expect(maxError(whitened, want(`${name}_${setting}.advantages`))).toBeLessThan(1e-6);
  });
});

describe.each(GOLDEN_CASES)('the rollout of %s', (name) => {
  const settings = golden.cases[name]!;

  it('gives the rewards, advantages and returns of the reference', async () => {
    const want = await readNumbers('ppo', name, 'rollout.safetensors');
    const actions = inputs('response_mask');
    const kl = klValues('k1', want('old_log_probs'), want('ref_log_probs'), actions);
    expect(maxError(kl, want('kl'))).toBeLessThan(1e-6);
    expect(maskedMean(kl, actions)).toBeCloseTo(settings.reward.kl_token_mean, 7);
    expect(sequenceMeanKl(kl, actions, length)).toBeCloseTo(settings.reward.kl_mean_of_row_means, 7);
    const rewards = tokenRewards({
      ...{ scores: inputs('scores'), responseMask: inputs('response_attention_mask'), length },
      kl: { values: kl, mask: actions, coefficient: hyper.kl_beta },
    });
    expect(maxError(rewards, want('token_level_rewards'))).toBeLessThan(1e-6);
    const { advantages, returns } = gae({
      ...{ rewards, values: want('old_values'), length, gamma: settings.gamma, lambda: settings.lam },
      ...(settings.gae === 'skip' && { mask: actions }),
    });
    expect(maxError(advantages, want('advantages_raw'))).toBeLessThan(1e-6);
    expect(maxError(returns, want('returns'))).toBeLessThan(1e-6);
    expect(maxError(maskedWhiten(advantages, want('whiten_mask')), want('advantages'))).toBeLessThan(1e-6);
  });

  it('has at the first update the losses of the reference', async () => {
    const rollout = await readNumbers('ppo', name, 'rollout.safetensors');
    const now = await readNumbers('ppo', name, 'step1.safetensors');
    const [step] = settings.steps;
    const mask = inputs('response_mask');
    const actor = actorLoss({
      ...{ logProbs: now('log_probs'), oldLogProbs: rollout('old_log_probs'), mask },
      ...{ advantages: rollout('advantages'), weights: lossWeights(mask, length) },
      ...{ clipLow: hyper.clip, clipHigh: hyper.clip },
      ...{ entropies: now('entropy'), entropyCoefficient: hyper.entropy_coeff },
    });
    expect(actor.loss).toBeCloseTo(step!.actor_loss, 6);
    expect(actor.policy.loss).toBeCloseTo(step!.policy_loss, 6);
    expect(actor.entropy).toBeCloseTo(step!.entropy, 5);
    expect(actor.policy.clipFraction).toBeCloseTo(step!.clipfrac, 9);
    expect(actor.policy.approximateKl).toBeCloseTo(step!.approx_kl, 6);
    expect(actor.policy.approximateKlK3).toBeCloseTo(step!.approx_kl_k3, 6);
    expect(maxError(masked(actor.policy.ratio, mask), masked(now('ratio'), mask))).toBeLessThan(1e-5);
    const valueMask = rollout('value_mask');
    const critic = valueLoss({
      ...{ values: now('values'), oldValues: rollout('old_values'), returns: rollout('returns') },
      ...{ mask: valueMask, weights: lossWeights(valueMask, length), clip: hyper.value_clip },
    });
    expect(critic.loss).toBeCloseTo(step!.value_loss, 6);
    expect(critic.clipFraction).toBeCloseTo(step!.value_clipfrac, 9);
  });
});
