import type { ReportCell, ReportMetric, ReportTable, RetrievalMetric } from '../evaluation-types';

const METRICS: readonly ReportMetric[] = ['accuracy', 'em', 'f1', 'coverEm', 'span', 'judge', 'choice'];
const RETRIEVAL: readonly RetrievalMetric[] = ['recall', 'ndcg', 'mrr', 'allGold', 'inContext'];

/** Everything of a report, a line for each system on each data set; `*` is the mean over the data sets. RFC 4180. */
export function reportCsv(table: ReportTable): string {
  const head = [
    ...['system', 'title', 'searcher', 'generator', 'dataset', 'ok', 'failed', 'pending'],
    ...METRICS.flatMap((metric) => [metric, `${metric}_low`, `${metric}_high`]),
    ...RETRIEVAL.map((metric) => `retrieval_${metric}`),
    ...['p50', 'p90', 'p95', 'p99', 'mean'].map((name) => `context_tokens_${name}`),
    ...['p50', 'p90', 'p95', 'p99', 'mean'].map((name) => `generator_tokens_${name}`),
    ...['searches', 'turns', 'seconds_per_question', 'tokens', 'cost_usd', 'noted'],
    ...['difference', 'difference_low', 'difference_high', 'p'],
  ];
  const lines = table.rows.flatMap((row) =>
    [...table.datasets.map(({ name }) => name), null].map((dataset) => {
      const cell = dataset === null ? row.overall : row.datasets[dataset];
      const test = table.comparisons.find(
        (one) => one.system === row.system && one.dataset === dataset && one.metric === 'accuracy',
      );
      return [
        ...[row.system, row.title, row.searcher, row.generator, dataset ?? '*'],
        ...(cell ? cellFields(cell) : []),
        ...[test?.difference, test?.low, test?.high, test?.p],
      ];
    }),
  );
  return [head, ...lines].map((fields) => `${fields.map(csvField).join(',')}\r\n`).join('');
}

function cellFields(cell: ReportCell): (number | null | undefined)[] {
  const { contextTokens: context, generatorTokens: generator } = cell;
  return [
    ...[cell.ok, cell.failed, cell.pending],
    ...METRICS.flatMap((metric) => {
      const value = cell.metrics[metric];
      return [value?.mean, value?.low, value?.high];
    }),
    ...RETRIEVAL.map((metric) => cell.retrieval[metric]),
    ...[context?.p50, context?.p90, context?.p95, context?.p99, context?.mean],
    ...[generator?.p50, generator?.p90, generator?.p95, generator?.p99, generator?.mean],
    ...[cell.searches, cell.turns, cell.secondsPerQuestion, cell.tokens, cell.cost, cell.noted],
  ];
}

/** A text that a spreadsheet would take for a formula is disarmed by an apostrophe. */
function csvField(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
