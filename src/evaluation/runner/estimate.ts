/** What an evaluation would take, before it is run. */
import { SYSTEMS } from '../../agent/system-facts';
import { s3Settings, searchTurns } from '../../agent/settings';
import type { SystemId } from '../../protocol/trace';
import type { EvaluatedSystem, EvaluationConfig, EvaluationEstimate } from '../evaluation-types';

interface Costs {
  /** At most, in one question. */
  calls: number;
  searches: number;
}

/** Of the systems' defaults; s3's follow its settings. */
const COSTS: Readonly<Record<Exclude<SystemId, `s3${string}`>, Costs>> = {
  direct: { calls: 1, searches: 0 },
  cot: { calls: 1, searches: 0 },
  'naive-rag': { calls: 1, searches: 1 },
  'naive-rag-bm25': { calls: 1, searches: 1 },
  deepretrieval: { calls: 2, searches: 1 },
  'search-r1': { calls: 5, searches: 4 },
  'search-r1-ret': { calls: 6, searches: 4 },
  ircot: { calls: 11, searches: 10 },
  'ircot-s3': { calls: 5, searches: 5 },
  'search-o1': { calls: 25, searches: 10 },
  'search-o1-s3': { calls: 9, searches: 4 },
};

/** Tokens of a call as such runs have them: three to nine passages of a hundred words, a short thought or answer. */
const PROMPT_TOKENS = { searching: 1800, answering: 1000, closed: 80, judging: 100 };
const COMPLETION_TOKENS = { searching: 120, answering: 30, judging: 2 };
/** What does not say yes or no is asked once more. */
const JUDGE_CALLS = 2;

const asksJudge = ({ models, accuracy, datasets }: EvaluationConfig): boolean =>
  models.judge !== undefined &&
  [accuracy, ...datasets.map((one) => one.accuracy)].some(
    (rule) => rule === 'auto' || rule === 'judge' || rule === 'genacc',
  );

function costsOf(config: EvaluationConfig, { system, settings }: EvaluatedSystem): Costs {
  if (system in COSTS) return COSTS[system as keyof typeof COSTS];
  const own = s3Settings({ ...config.settings, ...settings });
  const turns = searchTurns(own);
  return { calls: turns + (own.closingTurn ? 1 : 0) + 1, searches: turns + 1 };
}

/** @param speed tokens per second that the models read and write, where it is known */
export function estimateEvaluation(
  config: EvaluationConfig,
  questions: number,
  speed?: { prompt: number; completion: number },
): EvaluationEstimate {
  const each = questions * config.seeds.length;
  const total = { runs: 0, searches: 0, calls: 0, promptTokens: 0, completionTokens: 0 };
  const bySystem: EvaluationEstimate['bySystem'] = {};
  const judges = asksJudge(config) ? 1 : 0;
  for (const system of config.systems) {
    const { calls: own, searches } = costsOf(config, system);
    const calls = own + judges * JUDGE_CALLS;
    const answering = SYSTEMS[system.system].answersItself ? 0 : 1;
    const searching = own - answering;
    const answerPrompt = searches === 0 ? PROMPT_TOKENS.closed : PROMPT_TOKENS.answering;
    bySystem[system.label] = { runs: each, calls: each * calls, searches: each * searches };
    total.runs += each;
    total.calls += each * calls;
    total.searches += each * searches;
    total.promptTokens +=
      each *
      (searching * PROMPT_TOKENS.searching + answering * answerPrompt + judges * PROMPT_TOKENS.judging);
    total.completionTokens +=
      each *
      (searching * COMPLETION_TOKENS.searching +
        answering * COMPLETION_TOKENS.answering +
        judges * COMPLETION_TOKENS.judging);
  }
  const { promptTokens, completionTokens } = total;
  const { prices } = config;
  return {
    questions,
    ...total,
    minutes: speed ? (promptTokens / speed.prompt + completionTokens / speed.completion) / 60 : null,
    cost: prices ? (promptTokens * prices.prompt + completionTokens * prices.completion) / 1e6 : null,
    bySystem,
  };
}
