/** An evaluation's configuration as people write it: short forms filled in, every mistake told in plain words. */
import * as v from 'valibot';
import { AppError } from '../protocol/errors';
import { RETRIEVAL_MODES } from '../protocol/retrieval';
import { SYSTEM_IDS } from '../protocol/trace';
import { parametersSchema, settingsSchema, unknownField } from './config-settings';
import {
  DATASET_FORMATS,
  type DatasetChoice,
  type EvaluatedSystem,
  type EvaluationConfig,
} from './evaluation-types';

const MAX_LABEL = 80;

const text = v.pipe(v.string('must be a text'), v.trim(), v.nonEmpty('must not be empty'));
const label = v.pipe(text, v.maxLength(MAX_LABEL, `must have ${MAX_LABEL} characters or fewer`));
const whole = (least: number) =>
  v.pipe(
    v.number('must be a whole number'),
    v.safeInteger('must be a whole number'),
    v.minValue(least, `must be ${least} or more`),
  );
const price = v.pipe(
  v.number('must be a number'),
  v.finite('must be a number'),
  v.minValue(0, 'must be 0 or more'),
);
const word = <const T extends readonly string[]>(words: T) =>
  v.picklist(words, `must be one of ${words.join(', ')}`);
const object = <const T extends v.ObjectEntries>(entries: T) => v.strictObject(entries, unknownField);
const may = <T extends v.GenericSchema>(schema: T) => v.exactOptional(schema);
const list = <T extends v.GenericSchema>(item: T, what: string) =>
  v.pipe(v.array(item, `must be a list of ${what}`), v.minLength(1, 'must not be empty'));

const systemId = word(SYSTEM_IDS);
const accuracy = word(['auto', 'span', 'judge', 'genacc', 'choice', 'em']);

const system = v.union(
  [
    systemId,
    object({
      system: systemId,
      label: may(label),
      searcher: may(text),
      generator: may(text),
      settings: may(settingsSchema),
      parameters: may(parametersSchema),
    }),
  ],
  (issue) => deepest(issue, `must be one of ${SYSTEM_IDS.join(', ')}, or an object with "system"`),
);

const dataset = v.union(
  [
    text,
    object({
      source: text,
      name: may(label),
      format: may(word(DATASET_FORMATS)),
      part: may(text),
      accuracy: may(accuracy),
    }),
  ],
  (issue) => deepest(issue, 'must be the place of a data set, or an object with "source"'),
);

const schema = object({
  format: may(v.literal('s3-web/evaluation-config', 'must be "s3-web/evaluation-config"')),
  version: may(v.literal(1, 'must be 1: this was written by another version')),
  name: may(label),
  systems: list(system, 'systems'),
  datasets: list(dataset, 'data sets'),
  seeds: may(list(whole(0), 'whole numbers')),
  models: may(object({ searcher: may(text), generator: may(text), judge: may(text) })),
  corpus: may(text),
  retrieval: may(word(['auto', ...RETRIEVAL_MODES])),
  sampling: may(
    object({
      limit: may(v.nullable(whole(1))),
      per: may(word(['set', 'all'])),
      seed: may(v.nullable(whole(0))),
    }),
  ),
  accuracy: may(accuracy),
  settings: may(settingsSchema),
  parameters: may(parametersSchema),
  reference: may(text),
  limits: may(
    object({
      concurrency: may(v.pipe(whole(1), v.maxValue(256, 'must be 256 or less'))),
      requestsPerMinute: may(v.nullable(whole(1))),
      attempts: may(v.pipe(whole(1), v.maxValue(20, 'must be 20 or less'))),
      questionSeconds: may(v.nullable(whole(1))),
    }),
  ),
  prices: may(object({ prompt: price, completion: price })),
});

/** A union's own message hides what is wrong inside of the form that was meant. */
function deepest(issue: v.BaseIssue<unknown>, otherwise: string): string {
  if (typeof issue.input !== 'object' || issue.input === null) return otherwise;
  const inner = issue.issues?.find((one) => one.path !== undefined) ?? issue.issues?.at(-1);
  const path = inner && v.getDotPath(inner);
  return inner && path ? `${path} ${wordsOf(inner)}` : otherwise;
}

const wordsOf = (issue: v.BaseIssue<unknown>): string =>
  issue.received === 'undefined' && issue.expected !== 'never' ? 'is missing' : issue.message;

/**
 * A whole configuration from one with short forms: systems by their id, data sets by their place, defaults left out.
 * @throws AppError `BAD_INPUT` that names every field that is wrong
 */
export function readEvaluationConfig(json: unknown): EvaluationConfig {
  const read = v.safeParse(schema, json);
  if (!read.success) {
    throw refused(read.issues.map((issue) => [v.getDotPath(issue) ?? '', wordsOf(issue)] as const));
  }
  const { output } = read;
  const systems = output.systems.map((one): EvaluatedSystem =>
    typeof one === 'string' ? { label: one, system: one } : { ...one, label: one.label ?? one.system },
  );
  const datasets = output.datasets.map((one): DatasetChoice =>
    typeof one === 'string'
      ? { name: nameOf(one), source: one }
      : { ...one, name: one.name ?? nameOf(one.source, one.part) },
  );
  const { searcher = 'demo', generator = 'demo', ...judge } = output.models ?? {};
  const { sampling = {}, limits = {} } = output;
  const config: EvaluationConfig = {
    format: 's3-web/evaluation-config',
    version: 1,
    name: output.name ?? 'Evaluation',
    systems,
    datasets,
    seeds: [...new Set(output.seeds ?? [0])],
    models: { searcher, generator, ...judge },
    corpus: output.corpus ?? 'demo',
    retrieval: output.retrieval ?? 'auto',
    sampling: {
      limit: sampling.limit ?? null,
      per: sampling.per ?? 'set',
      seed: sampling.seed === undefined ? 42 : sampling.seed,
    },
    accuracy: output.accuracy ?? 'auto',
    settings: output.settings ?? {},
    parameters: output.parameters ?? {},
    reference: output.reference ?? referenceOf(systems),
    limits: {
      concurrency: limits.concurrency ?? 4,
      requestsPerMinute: limits.requestsPerMinute ?? null,
      attempts: limits.attempts ?? 3,
      questionSeconds: limits.questionSeconds ?? null,
    },
    ...(output.prices && { prices: output.prices }),
  };
  const issues = contradictions(config);
  if (issues.length > 0) throw refused(issues);
  return config;
}

/** `nq` of `hf:datasets/o/n/nq/test.jsonl`, `popqa_1000` of `qa/popqa_1000.jsonl`, `demo:test` as it is; a part is the name itself. */
function nameOf(source: string, part?: string): string {
  if (part !== undefined) return part;
  if (source.startsWith('demo:')) return source;
  const path = source
    .replace(/@[^/@]*$/, '')
    .split(/[/\\]/)
    .filter((one) => one !== '');
  const last = (path.at(-1) ?? source)
    .replace(/^file:/, '')
    .replace(/\.(jsonl?|parquet|tsv|csv|gz)+$/i, '')
    .replace(/\.(jsonl?|parquet|tsv|csv)$/i, '');
  const split = /^(train|dev|test|validation|val)([-_.].*)?$/i.test(last);
  return (split ? (path.at(-2) ?? last) : last).slice(0, MAX_LABEL);
}

/** Plain RAG, as in the reward of s3; else whatever comes first. */
const referenceOf = (systems: readonly EvaluatedSystem[]): string =>
  (systems.find(({ system: id }) => id === 'naive-rag') ?? systems[0])?.label ?? '';

function contradictions(config: EvaluationConfig): [path: string, message: string][] {
  const { systems, datasets, models, reference } = config;
  const issues: [string, string][] = [];
  for (const [path, names] of [
    ['systems', systems.map((one) => one.label)],
    ['datasets', datasets.map((one) => one.name)],
  ] as const) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined)
      issues.push([
        path,
        `name "${twice}" twice; give each a ${path === 'systems' ? 'label' : 'name'} of its own`,
      ]);
  }
  if (!systems.some((one) => one.label === reference)) {
    issues.push([
      'reference',
      `is "${reference}", which is none of the systems (${systems.map((one) => one.label).join(', ')})`,
    ]);
  }
  const rules = [config.accuracy, ...datasets.map((one) => one.accuracy)];
  if (models.judge === undefined && rules.some((rule) => rule === 'judge' || rule === 'genacc')) {
    issues.push(['models.judge', 'is missing: the accuracy that is asked for needs a judge']);
  }
  return issues;
}

function refused(issues: readonly (readonly [path: string, message: string])[]): AppError {
  const told = issues.slice(0, 8).map(([path, message]) => `${path || 'the file'} ${message}`);
  const more = issues.length > told.length ? `; and ${issues.length - told.length} more` : '';
  return new AppError(
    'BAD_INPUT',
    `The configuration of the evaluation cannot be used: ${told.join('; ')}${more}.`,
    {
      fix: 'Correct these fields. The smallest configuration is {"systems": ["s3", "naive-rag"], "datasets": ["demo:test"]}.',
      context: { fields: issues.map(([path]) => path).join(', ') },
    },
  );
}
