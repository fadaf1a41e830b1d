/** A report as text for people: Markdown, LaTeX, a table on the terminal. */
import type { ReportCell, ReportComparison, ReportMetric, ReportRow, ReportTable } from '../evaluation-types';
import type { Interval } from '../significance';

const percent = (share: number): string => (100 * share).toFixed(1);
const interval = ({ mean, low, high }: Interval): string =>
  `${percent(mean)} [${percent(low)}, ${percent(high)}]`;

/** p of a paired test, as papers write it. */
export const pText = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));

/** What is shown of each data set where there are answers, else where only what is found counts. */
const shownMetric = (table: ReportTable): ReportMetric | 'ndcg' =>
  table.rows.some(({ overall }) => overall.metrics.accuracy) ? 'accuracy' : 'ndcg';

const valueOf = (cell: ReportCell, metric: ReportMetric | 'ndcg'): number | undefined =>
  metric === 'ndcg' ? cell.retrieval.ndcg : cell.metrics[metric]?.mean;

/** Labels of the rows that nothing beats in this column, as far as shown. */
export function bestRows(
  rows: readonly ReportRow[],
  cellOf: (row: ReportRow) => ReportCell | undefined,
  metric: ReportMetric | 'ndcg',
): Set<string> {
  const shown = rows.flatMap((row) => {
    const cell = cellOf(row);
    const value = cell && valueOf(cell, metric);
    return value === undefined ? [] : [{ system: row.system, value: Math.round(1000 * value) }];
  });
  const best = Math.max(...shown.map(({ value }) => value));
  return shown.length < 2
    ? new Set()
    : new Set(shown.filter(({ value }) => value === best).map(({ system }) => system));
}

interface Column {
  name: string;
  cell: (row: ReportRow) => ReportCell | undefined;
}

/** Data sets, and the mean over them where there are several. */
const columnsOf = ({ datasets }: ReportTable): Column[] => [
  ...datasets.map(({ name }): Column => ({ name, cell: (row) => row.datasets[name] })),
  ...(datasets.length > 1 ? [{ name: 'Avg', cell: (row: ReportRow) => row.overall }] : []),
];

const counted = ({ ok, failed, pending }: ReportCell): string =>
  [String(ok), ...(failed > 0 ? [`${failed} failed`] : []), ...(pending > 0 ? [`${pending} open`] : [])].join(
    ', ',
  );

const takes = ({ overall }: ReportRow): string[] => {
  const tokens = overall.contextTokens;
  const whole = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(0));
  return [
    counted(overall),
    [tokens?.p50, tokens?.p90, tokens?.p95, tokens?.p99].map(whole).join(' / '),
    overall.searches.toFixed(2),
    overall.turns.toFixed(2),
    overall.secondsPerQuestion.toFixed(2),
    ...(overall.cost === null ? [] : [`$${overall.cost.toFixed(4)}`]),
  ];
};
const TAKES = ['answered', 'context tokens p50 / p90 / p95 / p99', 'searches', 'turns', 's/question'];
const takesHead = (table: ReportTable): string[] =>
  table.rows.some(({ overall }) => overall.cost !== null) ? [...TAKES, 'cost'] : TAKES;

/** Fields of a row of Markdown: a bar would end them. */
const safe = (text: string): string => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ');

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (fields: readonly string[]): string => `| ${fields.map(safe).join(' | ')} |`;
  return [line(head), `| --- |${' ---: |'.repeat(head.length - 1)}`, ...rows.map(line)];
}

/** Accuracy with its interval and EM, what each system took, and the comparisons. Best of each column in bold. */
export function reportMarkdown(table: ReportTable): string {
  const columns = columnsOf(table);
  const metric = shownMetric(table);
  const cells = table.rows.map((row) => [
    row.system,
    ...columns.map(({ cell: cellOf }) => {
      const text = cellText(cellOf(row), metric);
      return bestRows(table.rows, cellOf, metric).has(row.system) ? `**${text}**` : text;
    }),
  ]);
  const found = table.rows.some(({ overall }) => overall.retrieval.recall !== undefined);
  const lines = [
    `# ${table.name}`,
    '',
    ...table.conditions.map((condition) => `- ${condition}`),
    ...table.datasets.flatMap(({ name, notes }) => notes.map((note) => `- ${name}: ${note}`)),
    '',
    metric === 'accuracy'
      ? 'Accuracy in % [95 %], EM in round brackets:'
      : 'nDCG of all documents found, in %:',
    '',
    ...markdownTable(['system', ...columns.map(({ name }) => name)], cells),
    '',
    ...markdownTable(
      ['system', ...takesHead(table), ...(found ? ['gold found', 'gold in context'] : [])],
      table.rows.map((row) => [row.system, ...takes(row), ...(found ? foundCells(row) : [])]),
    ),
    '',
    ...comparisonLines(table),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

const foundCells = ({ overall: { retrieval } }: ReportRow): string[] =>
  [retrieval.recall, retrieval.inContext].map((share) => (share === undefined ? '–' : percent(share)));

function cellText(cell: ReportCell | undefined, metric: ReportMetric | 'ndcg'): string {
  if (!cell || cell.ok === 0) return '–';
  if (metric === 'ndcg') return cell.retrieval.ndcg === undefined ? '–' : percent(cell.retrieval.ndcg);
  const { accuracy, em } = cell.metrics;
  if (!accuracy) return '–';
  return `${interval(accuracy)}${em ? ` (${percent(em.mean)})` : ''}`;
}

const overallAccuracy = ({ comparisons }: ReportTable): ReportComparison[] =>
  comparisons.filter(({ dataset, metric }) => dataset === null && metric === 'accuracy');

function comparisonLines(table: ReportTable): string[] {
  const rows = overallAccuracy(table).map((one) => [
    one.system,
    `${one.difference >= 0 ? '+' : '−'}${percent(Math.abs(one.difference))} [${percent(one.low)}, ${percent(one.high)}]`,
    `${one.wins} / ${one.ties} / ${one.losses}`,
    pText(one.p),
  ]);
  if (rows.length === 0) return [];
  return [
    `Accuracy against ${table.reference}, on the questions that both answered:`,
    '',
    ...markdownTable(['system', 'difference [95 %]', 'better / same / worse', 'p'], rows),
  ];
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
};
export const latexText = (text: string): string =>
  text.replace(/[\\~^#$%&_{}]/g, (mark) => LATEX[mark] ?? `\\${mark}`);

/** As the paper's tables: accuracy (EM), best in bold; needs the package booktabs. */
export function reportLatex(table: ReportTable): string {
  const columns = columnsOf(table);
  const metric = shownMetric(table);
  const rows = table.rows.map((row) => {
    const cells = columns.map(({ cell: cellOf }) => {
      const cell = cellOf(row);
      const value = cell && cell.ok > 0 ? valueOf(cell, metric) : undefined;
      if (cell === undefined || value === undefined) return '--';
      const em = metric === 'accuracy' && cell.metrics.em ? ` (${percent(cell.metrics.em.mean)})` : '';
      const bold = bestRows(table.rows, cellOf, metric).has(row.system);
      return bold ? `\\textbf{${percent(value)}}${em}` : `${percent(value)}${em}`;
    });
    return `${[latexText(row.system), ...cells].join(' & ')} \\\\`;
  });
  const head = ['System', ...columns.map(({ name }) => latexText(name))].join(' & ');
  return [
    '% \\usepackage{booktabs}',
    ...table.conditions.map((condition) => `% ${condition.replace(/\s+/g, ' ')}`),
    `\\begin{tabular}{l${'r'.repeat(columns.length)}}`,
    '\\toprule',
    `${head} \\\\`,
    '\\midrule',
    ...rows,
    '\\bottomrule',
    '\\end{tabular}',
    '',
  ].join('\n');
}

/** For a terminal. */
export function reportLines(table: ReportTable): string[] {
  const columns = columnsOf(table);
  const metric = shownMetric(table);
  const grid = [
    [
      'system',
      ...columns.map(({ name }) => name),
      ...takesHead(table).map((name) =>
        name.replace('context tokens p50 / p90 / p95 / p99', 'context tokens'),
      ),
    ],
    ...table.rows.map((row) => [
      row.system,
      ...columns.map(
        ({ cell: cellOf }) =>
          `${cellText(cellOf(row), metric)}${bestRows(table.rows, cellOf, metric).has(row.system) ? ' *' : '  '}`,
      ),
      ...takes(row),
    ]),
  ];
  const widths = (grid[0] ?? []).map((_, i) => Math.max(...grid.map((line) => line[i]?.length ?? 0)));
  const lines = grid.map((line) =>
    line
      .map((field, i) => (i === 0 ? field.padEnd(widths[i] ?? 0) : field.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [
    ...lines,
    '',
    ...overallAccuracy(table).map(
      (one) =>
        `${one.system} against ${table.reference}: ${one.difference >= 0 ? '+' : ''}${percent(one.difference)} points, p ${pText(one.p).replace(/^(?=\d)/, '= ')}`,
    ),
    ...table.conditions,
  ];
}
