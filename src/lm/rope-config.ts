/** Reads the rotary scaling of a `config.json`, in the older spelling (`rope_scaling`) and the newer (`rope_parameters`). */
import type { Rope, RopeScaling } from './rope';

/** Ends the parse with an AppError; `parseModelConfig` says which model it is about. */
export type Refuse = (what: string, code?: 'BAD_INPUT' | 'UNSUPPORTED') => never;

type Fields = Readonly<Record<string, unknown>>;

export interface RawRope {
  rope_theta?: number | undefined;
  rope_scaling?: Fields | null | undefined;
  rope_parameters?: Fields | null | undefined;
  max_position_embeddings: number;
}

export interface ParsedRope {
  rope: Rope;
  /** The longest context that the scaling is meant for. */
  maxPositions: number;
  /** The longest context whose frequencies do not depend on its length. */
  nativePositions: number;
}

const typeOf = (fields: Fields | null | undefined): unknown =>
  fields?.['rope_type'] ?? fields?.['type'] ?? 'default';

const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 40) : '?');

/** @throws through `refuse`: UNSUPPORTED for a scaling that is not known, by name; BAD_INPUT for a field that is wrong. */
export function parseRope(raw: RawRope, refuse: Refuse): ParsedRope {
  const { rope_parameters: parameters, rope_scaling: older } = raw;
  if (parameters && older && typeOf(parameters) !== typeOf(older)) {
    const both = `${shown(typeOf(parameters))} and ${shown(typeOf(older))}`;
    refuse(`config.json names two rotary scalings, ${both}`, 'BAD_INPUT');
  }
  const fields = parameters ?? older ?? {};
  const theta = raw.rope_theta ?? parameters?.['rope_theta'] ?? 10000;
  if (typeof theta !== 'number' || !(theta > 1) || !Number.isFinite(theta)) {
    return refuse('rope_theta is not a number above 1', 'BAD_INPUT');
  }
  const partial = fields['partial_rotary_factor'] ?? 1;
  if (partial !== 1) refuse('a rotary embedding of a part of each head is not supported');
  const scaling = parseScaling(fields, raw.max_position_embeddings, refuse);
  const original = 'originalPositions' in scaling ? scaling.originalPositions : raw.max_position_embeddings;
  const extended =
    scaling.type === 'yarn' || scaling.type === 'dynamic' ? Math.floor(original * scaling.factor) : original;
  // Some configs already state the extended length in max_position_embeddings, some the original one.
  const maxPositions = Math.max(raw.max_position_embeddings, extended);
  return {
    rope: { theta, scaling },
    maxPositions,
    nativePositions: scaling.type === 'dynamic' ? original : maxPositions,
  };
}

function parseScaling(fields: Fields, maxPositions: number, refuse: Refuse): RopeScaling {
  const type = typeOf(fields);
  const number = (name: string, least: number, fallback?: number): number => {
    const value = fields[name] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value;
    return refuse(`the rotary scaling needs ${name}, a number of at least ${least}`, 'BAD_INPUT');
  };
  const factor = (): number => number('factor', 1);
  const originalPositions = (fallback?: number): number =>
    number('original_max_position_embeddings', 1, fallback);
  switch (type) {
    case 'default':
      return { type };
    case 'linear':
      return { type, factor: factor() };
    case 'dynamic':
      return { type, factor: factor(), originalPositions: originalPositions(maxPositions) };
    case 'yarn': {
      const scaling = {
        type,
        factor: factor(),
        originalPositions: originalPositions(maxPositions),
        betaFast: number('beta_fast', 0.001, 32),
        betaSlow: number('beta_slow', 0.001, 1),
        truncate: fields['truncate'] !== false,
      } as const;
      return { ...scaling, attentionFactor: yarnAttentionFactor(fields, scaling.factor, number) };
    }
    case 'llama3': {
      const lowFrequencyFactor = number('low_freq_factor', 0.001);
      const highFrequencyFactor = number('high_freq_factor', 0.001);
      if (highFrequencyFactor <= lowFrequencyFactor) {
        refuse('high_freq_factor of the rotary scaling is not above low_freq_factor', 'BAD_INPUT');
      }
      return {
        ...{ type, factor: factor(), originalPositions: originalPositions() },
        ...{ lowFrequencyFactor, highFrequencyFactor },
      };
    }
    default:
      return refuse(`rotary scaling of type ${shown(type)} is not supported`);
  }
}

/** YaRN §3.4: 0.1·ln(s) + 1; DeepSeek's `mscale` weighs the logarithm, and `mscale_all_dim` divides. */
function yarnAttentionFactor(
  fields: Fields,
  factor: number,
  number: (name: string, least: number) => number,
): number {
  if (typeof fields['attention_factor'] === 'number') return number('attention_factor', 0.001);
  const magnitude = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const [mscale, mscaleAll] = [fields['mscale'], fields['mscale_all_dim']];
  return typeof mscale === 'number' && mscale !== 0 && typeof mscaleAll === 'number' && mscaleAll !== 0
    ? magnitude(mscale) / magnitude(mscaleAll)
    : magnitude(1);
}
