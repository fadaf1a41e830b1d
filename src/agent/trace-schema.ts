/** What a trace file may hold; everything that comes from outside passes here. Fields that are not named are dropped. */
import * as v from 'valibot';
import { ERROR_CODES } from '../protocol/errors';
import { RETRIEVAL_MODES } from '../protocol/retrieval';
import { SYSTEM_IDS, type TraceEvent, type TraceEventType } from '../protocol/trace';

const MAX_TEXT = 1_000_000;
const MAX_DOCUMENTS = 1000;
const MAX_IDS = 10_000;
const MAX_TURN = 10_000;
export const MAX_EVENTS = 10_000;

const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const label = v.pipe(v.string(), v.maxLength(10_000));
const finite = v.pipe(v.number(), v.finite());
const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const turn = v.pipe(whole, v.maxValue(MAX_TURN));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const labels = v.pipe(v.array(label), v.maxLength(MAX_IDS));
const scalar = v.union([label, finite, v.boolean()]);

const shownDocument = v.object({
  number: v.pipe(whole, v.minValue(1)),
  passageId: label,
  title: label,
  text,
  score: finite,
  shownLength: v.exactOptional(whole),
});

const usage = v.object({
  promptTokens: amount,
  cachedTokens: amount,
  completionTokens: amount,
  prefillMs: amount,
  decodeMs: amount,
  estimated: v.exactOptional(v.boolean()),
});

const errorEnvelope = v.object({
  // A newer version may know more codes than this one.
  code: v.fallback(v.picklist(ERROR_CODES), 'INTERNAL'),
  message: text,
  fix: text,
  recoverable: v.boolean(),
  context: v.exactOptional(v.record(label, scalar)),
});

const base = { turn, atMs: amount };

/** One schema per event type; the mapped type makes a forgotten one a compile error. */
const EVENT_SCHEMAS = {
  question: v.object({
    ...base,
    type: v.literal('question'),
    question: text,
    goldAnswers: v.exactOptional(labels),
    goldIds: v.exactOptional(labels),
  }),
  retrieved: v.object({
    ...base,
    type: v.literal('retrieved'),
    query: text,
    documents: v.pipe(v.array(shownDocument), v.maxLength(MAX_DOCUMENTS)),
    tookMs: amount,
    error: v.exactOptional(text),
    mode: v.exactOptional(v.picklist(RETRIEVAL_MODES)),
    how: v.exactOptional(text),
  }),
  generated: v.object({
    ...base,
    type: v.literal('generated'),
    role: v.picklist(['searcher', 'condenser', 'generator']),
    text,
    usage,
    tookMs: amount,
  }),
  action: v.object({
    ...base,
    type: v.literal('action'),
    action: v.picklist(['search', 'search_complete', 'answer', 'invalid']),
    query: v.exactOptional(text),
    thought: v.exactOptional(text),
    forced: v.exactOptional(v.boolean()),
    note: v.exactOptional(text),
  }),
  selected: v.object({
    ...base,
    type: v.literal('selected'),
    window: turn,
    numbers: v.pipe(v.array(whole), v.maxLength(MAX_DOCUMENTS)),
    passageIds: labels,
  }),
  context: v.object({ ...base, type: v.literal('context'), passageIds: labels, text, tokens: amount }),
  answered: v.object({ ...base, type: v.literal('answered'), answer: text, model: label }),
  scored: v.object({
    ...base,
    type: v.literal('scored'),
    em: share,
    f1: share,
    accuracy: share,
    goldInContext: v.exactOptional(v.boolean()),
  }),
  failed: v.object({ ...base, type: v.literal('failed'), error: errorEnvelope }),
} satisfies { [T in TraceEventType]: v.GenericSchema<unknown, Extract<TraceEvent, { type: T }>> };

export const isKnownEventType = (type: string): type is TraceEventType => Object.hasOwn(EVENT_SCHEMAS, type);

export const traceEventSchema = v.variant('type', [
  EVENT_SCHEMAS.question,
  EVENT_SCHEMAS.retrieved,
  EVENT_SCHEMAS.generated,
  EVENT_SCHEMAS.action,
  EVENT_SCHEMAS.selected,
  EVENT_SCHEMAS.context,
  EVENT_SCHEMAS.answered,
  EVENT_SCHEMAS.scored,
  EVENT_SCHEMAS.failed,
]);

/** The file around the events, which are read one by one. */
export const traceFrameSchema = v.object({
  format: v.literal('s3-web/trace'),
  version: v.literal(1),
  system: v.picklist(SYSTEM_IDS),
  mode: v.picklist(['paper', 'code']),
  settings: v.pipe(
    v.record(label, scalar),
    v.check((s) => Object.keys(s).length <= 200, 'Too many settings.'),
  ),
  startedAt: v.pipe(label, v.isoTimestamp()),
  events: v.pipe(v.array(v.unknown()), v.maxLength(MAX_EVENTS)),
});
