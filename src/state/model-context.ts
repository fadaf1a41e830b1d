/** Which contexts a model can be loaded with, and with which it is loaded where nothing is chosen. */
import { parseModelConfig, type ModelConfig } from '../lm/config';
import type { WeightType } from '../protocol/model-import';
import type { StoredModel, StoredModelSettings } from '../protocol/model-library';

/** Three turns of the paper's searcher fit. */
const DEFAULT_CONTEXT = 8192;
const CONTEXTS = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/** Null for an architecture that the engine does not know. */
export function readConfig(config: unknown): ModelConfig | null {
  try {
    return parseModelConfig(config);
  } catch {
    // What is wrong with it is said when it is imported.
    return null;
  }
}

/** Shortest first. */
export function contextChoices(raw: unknown): number[] {
  const most = readConfig(raw)?.maxPositions ?? 0;
  const choices = CONTEXTS.filter((context) => context <= most);
  return choices.length > 0 ? choices : most > 0 ? [most] : [];
}

export function defaultContext(raw: unknown): number {
  const config = readConfig(raw);
  return Math.min(config?.nativePositions ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);
}

/** How a stored model is loaded, what is not chosen filled in. */
export const settingsOf = (
  config: unknown,
  settings: StoredModelSettings,
): StoredModelSettings & Required<Pick<StoredModelSettings, 'maxContext' | 'slots'>> => ({
  maxContext: settings.maxContext ?? defaultContext(config),
  slots: settings.slots ?? 1,
  ...(settings.weights && { weights: settings.weights }),
});

const NARROWER: Record<WeightType | 'as stored', readonly WeightType[]> = {
  f32: ['f16', 'q8', 'q4'],
  f16: ['q8', 'q4'],
  q8: ['q4'],
  q4: [],
  // Of several types, which only a GGUF file has.
  'as stored': ['q8', 'q4'],
};

/** What a stored model's matrices can become on their way into memory. More bits than are stored would only take room. */
export const narrowerWeights = ({
  report,
  weights,
}: Pick<StoredModel, 'report' | 'weights'>): readonly WeightType[] => NARROWER[report?.weights ?? weights];
