import type { ProtocolMode } from '../protocol/trace';
import type { Ablation } from './ablation';
import type { BindingRules, ContextVariant } from './windows';

/** `full`: the instructions of s3, for any model. `compact`: the task alone, for a searcher trained on it. */
export type PromptStyle = 'full' | 'compact';

/** What s3 and naive RAG share. */
export interface AnswerSettings {
  /** The setting in whose protocol a run goes where its options name none. */
  mode: ProtocolMode;
  /** Documents of turn 0; naive RAG answers from them alone. */
  initialDocuments: number;
  generatorTemperature: number;
  generatorTopP: number;
  generatorMaxTokens: number;
  /** Documents in the generator's context, at most; later ones are left out. */
  contextDocuments: number;
  /** Tokens of the generator's context, at most; documents at its end are left out whole. */
  contextTokens: number;
}

export interface S3Settings extends AnswerSettings {
  promptStyle: PromptStyle;
  /** k, s and t of the name of a configuration such as 8-3-3: found per query, asked to be selected at most, turns. */
  documentsPerQuery: number;
  documentsSelected: number;
  maxTurns: number;
  /** Keeps no more than `documentsSelected` of a selection; the published code only asks for it. */
  enforceSelected: boolean;
  /** One more generation after the last searching turn, in which the searcher can still select from its last window. */
  closingTurn: boolean;
  /** Tells the searcher that its retriever reads AND, OR and parentheses. */
  booleanQueries: boolean;
  contextVariant: ContextVariant;
  /** Which part of s3 the generator's context does without. */
  ablation: Ablation;
  searcherTemperature: number;
  searcherTopP: number;
  /** The tail of the prompt that a training sequence keeps; of no effect at inference. */
  startTokens: number;
  /** The searcher's rolling window. */
  promptTokens: number;
  responseTokens: number;
  observationTokens: number;
}

const ANSWER_DEFAULTS = {
  mode: 'paper',
  initialDocuments: 3,
  generatorTemperature: 0,
  generatorTopP: 1,
  generatorMaxTokens: 500,
  contextDocuments: 20,
  // The original's server has 8,192 tokens; the rest is for question, template and answer.
  contextTokens: 7000,
} as const satisfies AnswerSettings;

/**
 * 8-3-3 with the limits of the paper. The published code searches by sampling at 0.6 (it loses the greedy flag that it
 * sets), so `code` mode does; `paper` mode is greedy.
 */
export function s3Settings(given: Partial<S3Settings> = {}): S3Settings {
  const mode = given.mode ?? ANSWER_DEFAULTS.mode;
  return {
    ...ANSWER_DEFAULTS,
    promptStyle: 'full',
    documentsPerQuery: 8,
    documentsSelected: 3,
    maxTurns: 3,
    enforceSelected: false,
    closingTurn: true,
    booleanQueries: false,
    contextVariant: 's3',
    ablation: 'none',
    searcherTemperature: mode === 'code' ? 0.6 : 0,
    searcherTopP: mode === 'code' ? 0.95 : 1,
    startTokens: 2000,
    promptTokens: 8000,
    responseTokens: 500,
    observationTokens: 1400,
    ...given,
  };
}

export function naiveRagSettings(given: Partial<AnswerSettings> = {}): AnswerSettings {
  return { ...ANSWER_DEFAULTS, ...given };
}

/** Turns in which the searcher may search: the published trainer hands `max_turns + 1` to its loop. */
export function searchTurns(settings: S3Settings): number {
  return settings.mode === 'code' ? settings.maxTurns + 1 : settings.maxTurns;
}

export function bindingRules(settings: S3Settings): BindingRules {
  const { mode, contextVariant: variant, enforceSelected, documentsSelected } = settings;
  const readIds = variant === 'mirage' ? 19 : 8;
  return {
    variant,
    maxId: mode === 'code' ? readIds : Infinity,
    maxSelected: enforceSelected ? documentsSelected : Infinity,
  };
}

/** The form in which settings lie in a trace file. */
export function settingsRecord(settings: AnswerSettings): Record<string, string | number | boolean> {
  return { ...settings };
}
