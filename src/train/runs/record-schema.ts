/** What a run from elsewhere may hold; everything of it passes here. Fields that are not named are dropped. */
import * as v from 'valibot';
import { MAX_EVENTS, traceEventSchema } from '../../agent/trace-schema';
import { AppError } from '../../protocol/errors';
import { METRIC_GROUPS, type RolloutRecord, type RunRecord, type StepRecord } from '../records';
import { checkRunConfig } from './config-schema';

const MOST_TOKENS = 100_000;
const MOST_ROLLOUTS = 64;
const MOST_CHECKPOINTS = 10_000;

const finite = v.pipe(v.number(), v.finite());
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(1_000_000));
const time = v.pipe(v.string(), v.isoTimestamp());
const id = v.pipe(v.string(), v.regex(/^[\w-][\w.-]{0,127}$/, 'not an id'));

const checkpoint = v.object({
  step: whole,
  at: time,
  bytes: whole,
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'not a SHA-256')),
  score: v.exactOptional(finite),
  kept: v.boolean(),
});

const record = v.object({
  id,
  config: v.unknown(),
  createdAt: time,
  status: v.picklist(['ready', 'running', 'paused', 'finished', 'stopped', 'failed']),
  step: whole,
  cursor: whole,
  parent: v.exactOptional(v.object({ run: id, step: whole })),
  checkpoints: v.pipe(v.array(checkpoint), v.maxLength(MOST_CHECKPOINTS)),
});

const metrics = v.object(
  Object.fromEntries(
    Object.values(METRIC_GROUPS)
      .flat()
      .map((name) => [name, v.exactOptional(finite)]),
  ),
);

const summary = v.object({
  step: v.pipe(whole, v.minValue(1)),
  at: time,
  metrics,
  tiers: v.exactOptional(v.record(text, v.pipe(finite, v.minValue(0), v.maxValue(1)))),
});

const rollout = v.object({
  questionId: text,
  question: text,
  goldAnswers: v.pipe(v.array(text), v.maxLength(1000)),
  reward: v.object({
    score: finite,
    accuracy: finite,
    baseline: v.exactOptional(finite),
    answer: v.exactOptional(text),
    goldInContext: v.exactOptional(v.boolean()),
    wellFormed: v.exactOptional(v.boolean()),
    tier: v.exactOptional(text),
  }),
  events: v.pipe(v.array(traceEventSchema), v.maxLength(MAX_EVENTS)),
  tokens: v.pipe(
    v.array(
      v.object({
        text,
        action: v.boolean(),
        advantage: v.exactOptional(finite),
        value: v.exactOptional(finite),
      }),
    ),
    v.maxLength(MOST_TOKENS),
  ),
});

const rollouts = v.object({ step: whole, rollouts: v.pipe(v.array(rollout), v.maxLength(MOST_ROLLOUTS)) });

const damaged = (what: string): AppError =>
  new AppError('BAD_INPUT', `This is no run that can be read: ${what}.`, {
    fix: 'Choose a .s3run file that was exported here.',
  });

function read<T extends v.GenericSchema>(schema: T, json: unknown, where: string): v.InferOutput<T> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw damaged(`${where}: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
}

function parse(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw damaged(`${where} is not JSON`);
  }
}

/** A run that was under way where it comes from has stopped. @throws AppError BAD_INPUT */
export function readRunRecord(json: string): RunRecord {
  const { config: given, status, ...rest } = read(record, parse(json, 'run.json'), 'run.json');
  const { config, issues } = checkRunConfig(given);
  if (!config) throw damaged(`run.json: ${issues[0]?.path ?? ''} ${issues[0]?.message ?? ''}`);
  const active = status === 'running' || status === 'paused' || status === 'failed';
  return { ...rest, config, status: active ? 'stopped' : status };
}

/** Steps out of lines of summaries, and lines of their rollouts. @throws AppError BAD_INPUT */
export function readSteps(summaries: string, rolloutLines: string): StepRecord[] {
  const kept = new Map<number, RolloutRecord[]>();
  for (const line of rolloutLines.split('\n').filter(Boolean)) {
    const step = read(rollouts, parse(line, 'rollouts.jsonl'), 'rollouts.jsonl');
    kept.set(step.step, step.rollouts);
  }
  return summaries
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const known = read(summary, parse(line, 'metrics.jsonl'), 'metrics.jsonl');
      return { ...known, rollouts: kept.get(known.step) ?? [] };
    });
}
