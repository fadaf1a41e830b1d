/** The table of an evaluation: every system on every data set and over all, with intervals, tests, and what it took. */
import { SYSTEMS } from '../../agent/system-facts';
import type {
  EvaluatedSystem,
  EvaluationConfig,
  EvaluationQuestion,
  EvaluationRecord,
  Percentiles,
  Prices,
  QuestionResult,
  ReportCell,
  ReportComparison,
  ReportMetric,
  ReportRow,
  ReportTable,
  RetrievalMetric,
} from '../evaluation-types';
import { meanOf, quantile } from '../significance';
import { meanInterval, meanOfMeans, pairedDifference, RESAMPLED } from './large-samples';

type OkResult = Extract<QuestionResult, { status: 'ok' }>;

const METRICS: readonly ReportMetric[] = ['accuracy', 'em', 'f1', 'coverEm', 'span', 'judge', 'choice'];
const RETRIEVAL: readonly RetrievalMetric[] = ['recall', 'ndcg', 'mrr', 'allGold', 'inContext'];

/** @param results the newest of each question, system and seed; @param madeAt ISO 8601 */
export function buildReport(
  record: EvaluationRecord,
  questions: readonly EvaluationQuestion[],
  results: readonly QuestionResult[],
  madeAt: string,
): ReportTable {
  const { config, datasets } = record;
  const cells = new Map<string, QuestionResult[]>();
  const cellKey = (system: string, dataset: string): string => JSON.stringify([system, dataset]);
  for (const result of results) {
    const key = cellKey(result.system, result.dataset);
    const list = cells.get(key);
    if (list) list.push(result);
    else cells.set(key, [result]);
  }
  const names = datasets.map(({ name }) => name);
  const of = (system: string, dataset: string): QuestionResult[] => cells.get(cellKey(system, dataset)) ?? [];
  const planned = (dataset: string): number =>
    (datasets.find(({ name }) => name === dataset)?.questions ?? 0) * config.seeds.length;
  const rows = config.systems.map((system): ReportRow => {
    const sets = names.map((name) => of(system.label, name));
    return {
      ...headOf(system, config),
      datasets: Object.fromEntries(
        names.map((name, i) => [name, cellOf([sets[i] ?? []], planned(name), config.prices)]),
      ),
      overall: cellOf(
        sets,
        names.reduce((sum, name) => sum + planned(name), 0),
        config.prices,
      ),
    };
  });
  return {
    format: 's3-web/evaluation-report',
    version: 1,
    name: config.name,
    madeAt,
    conditions: conditionsOf(record, questions),
    datasets,
    rows,
    reference: config.reference,
    comparisons: comparisonsOf(config, names, of),
  };
}

const headOf = ({ label, system, searcher, generator }: EvaluatedSystem, { models }: EvaluationConfig) => {
  const facts = SYSTEMS[system];
  return {
    system: label,
    id: system,
    title: facts.title,
    searcher: facts.searcher ? (searcher ?? models.searcher) : null,
    generator: generator ?? models.generator,
  };
};

const isOk = (result: QuestionResult): result is OkResult => result.status === 'ok';

/** A question's value is the mean over its seeds. */
function byQuestion(
  results: readonly OkResult[],
  value: (result: OkResult) => number | null | undefined,
): Map<string, number> {
  const values = new Map<string, number[]>();
  for (const result of results) {
    const one = value(result);
    if (one === null || one === undefined) continue;
    const list = values.get(result.questionId);
    if (list) list.push(one);
    else values.set(result.questionId, [one]);
  }
  return new Map([...values].map(([id, list]) => [id, meanOf(list)]));
}

/** @param sets results of each data set; means are means of the sets' means */
function cellOf(
  sets: readonly (readonly QuestionResult[])[],
  planned: number,
  prices: Prices | undefined,
): ReportCell {
  const all = sets.flat();
  const ok = all.filter(isOk);
  const metrics: ReportCell['metrics'] = {};
  for (const metric of METRICS) {
    const values = sets.map((set) => [
      ...byQuestion(set.filter(isOk), ({ metrics: m }) => m[metric]).values(),
    ]);
    const filled = values.filter((list) => list.length > 0);
    if (filled.length > 0)
      metrics[metric] = filled.length === 1 ? meanInterval(filled[0] ?? []) : meanOfMeans(filled);
  }
  const retrieval: ReportCell['retrieval'] = {};
  for (const metric of RETRIEVAL) {
    const values = sets.map((set) => [
      ...byQuestion(set.filter(isOk), ({ metrics: m }) => m.retrieval?.[metric]).values(),
    ]);
    const filled = values.filter((list) => list.length > 0);
    if (filled.length > 0) retrieval[metric] = meanOf(filled.map(meanOf));
  }
  const mean = (of: (result: OkResult) => number): number => meanOf(ok.map(of));
  const tokens = all.reduce((sum, one) => sum + promptTokens(one) + completionTokens(one), 0);
  return {
    ok: ok.length,
    failed: all.length - ok.length,
    pending: Math.max(0, planned - all.length),
    metrics,
    retrieval,
    contextTokens: percentiles(ok.flatMap(({ tokens: t }) => t.context ?? [])),
    generatorTokens: percentiles(ok.map(({ tokens: t }) => t.generatorPrompt + t.generatorCompletion)),
    searches: mean((one) => one.searches),
    turns: mean((one) => one.turns),
    secondsPerQuestion: mean((one) => one.seconds),
    tokens,
    cost: prices
      ? all.reduce(
          (sum, one) =>
            sum + (promptTokens(one) * prices.prompt + completionTokens(one) * prices.completion) / 1e6,
          0,
        )
      : null,
    noted: ok.filter(({ notes }) => notes.length > 0).length,
  };
}

const promptTokens = ({ tokens }: QuestionResult): number => tokens.searcherPrompt + tokens.generatorPrompt;
const completionTokens = ({ tokens }: QuestionResult): number =>
  tokens.searcherCompletion + tokens.generatorCompletion;

function percentiles(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => quantile(sorted, share);
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), mean: meanOf(values) };
}

function comparisonsOf(
  config: EvaluationConfig,
  names: readonly string[],
  of: (system: string, dataset: string) => QuestionResult[],
): ReportComparison[] {
  const others = config.systems.filter(({ label }) => label !== config.reference);
  return others.flatMap(({ label: system }) =>
    (['accuracy', 'em'] as const).flatMap((metric) => {
      const pairs = names.map((name) => paired(of(system, name), of(config.reference, name), metric));
      const each = names.flatMap((dataset, i): ReportComparison[] => {
        const { a, b } = pairs[i] ?? { a: [], b: [] };
        if (a.length === 0) return [];
        return [{ system, dataset, metric, questions: a.length, ...pairedDifference(a, b) }];
      });
      const filled = pairs.filter(({ a }) => a.length > 0);
      if (filled.length === 0) return each;
      // Weighted so that the mean over all questions is the mean of the sets' means.
      const total = filled.reduce((sum, { a }) => sum + a.length, 0);
      const weighted = (which: 'a' | 'b'): number[] =>
        filled.flatMap((pair) =>
          pair[which].map((value) => (value * total) / (filled.length * pair.a.length)),
        );
      const overall = pairedDifference(weighted('a'), weighted('b'));
      return [...each, { system, dataset: null, metric, questions: total, ...overall }];
    }),
  );
}

/** Values of the questions that both have answered. */
function paired(
  left: readonly QuestionResult[],
  right: readonly QuestionResult[],
  metric: 'accuracy' | 'em',
): { a: number[]; b: number[] } {
  const [ours, theirs] = [left, right].map((results) =>
    byQuestion(results.filter(isOk), ({ metrics }) => metrics[metric]),
  );
  const shared = [...(ours ?? [])].filter(([id]) => theirs?.has(id));
  return { a: shared.map(([, value]) => value), b: shared.map(([id]) => theirs?.get(id) ?? 0) };
}

const RULES = {
  span: "a gold answer's tokens stand in the answer in one piece",
  judge: 'the judge says so',
  genacc: 'a gold answer stands in the answer, or the judge says that it is meant (GenAcc)',
  choice: 'the answer settles on the right option',
  em: 'the answer equals a gold answer (exact match)',
} as const;

function conditionsOf(
  { config, datasets, failed, imported }: EvaluationRecord,
  questions: readonly EvaluationQuestion[],
): string[] {
  const { models, seeds, corpus, retrieval, sampling } = config;
  const rules = [...new Set(datasets.map(({ accuracy }) => accuracy))];
  const sampled = datasets.some((set) => set.questions < set.available);
  const own = config.systems.some(({ searcher, generator }) => searcher ?? generator);
  return [
    ...(imported ? ['Imported: what the files say, not run here.'] : []),
    `Searcher ${models.searcher}, generator ${models.generator}${models.judge === undefined ? ', no judge' : `, judge ${models.judge}`}${own ? '; some systems have models of their own' : ''}.`,
    `Corpus ${corpus}, retrieval ${retrieval}.`,
    sampled
      ? sampling.seed === null
        ? 'The first questions of each data set, as each says.'
        : `A sample of the questions, drawn with seed ${sampling.seed}, as each data set says.`
      : 'All questions of the data sets.',
    seeds.length === 1
      ? `Seed ${seeds[0] ?? 0}.`
      : `Seeds ${seeds.join(', ')}; a question counts with the mean over them.`,
    ...rules.map((rule) => {
      const sets = datasets.filter(({ accuracy }) => accuracy === rule).map(({ name }) => name);
      return `Accuracy${rules.length > 1 ? ` of ${sets.join(', ')}` : ''}: ${RULES[rule]}.`;
    }),
    ...(failed > 0 ? [`${failed} failed runs are left out of every mean and counted beside it.`] : []),
    questions.length > RESAMPLED
      ? 'Intervals of 95 % and p by resampling; beyond a thousand questions and for means over data sets, from the normal distribution.'
      : 'Intervals of 95 % by bootstrap over questions, p by paired randomisation on the questions that both systems answered.',
  ];
}
