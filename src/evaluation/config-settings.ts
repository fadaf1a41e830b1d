/** Settings of the systems inside a configuration: each name must be one of the system's own, each value of its kind. */
import * as v from 'valibot';
import { deepRetrievalSettings } from '../agent/baselines/deepretrieval';
import { REWRITE_PROMPTS } from '../agent/baselines/deepretrieval-prompts';
import { ircotSettings } from '../agent/baselines/ircot';
import { ircotS3Settings } from '../agent/baselines/ircot-s3';
import { searchO1Settings } from '../agent/baselines/search-o1';
import { searchO1S3Settings } from '../agent/baselines/search-o1-s3';
import { searchR1Settings } from '../agent/baselines/search-r1';
import { s3Settings, type S3Settings } from '../agent/settings';
import type { SystemSettings } from '../agent/systems';

/** What a setting may be where it is not any text. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  mode: ['paper', 'code'],
  promptStyle: ['full', 'compact'],
  contextVariant: ['s3', 'mirage'],
  ablation: ['none', 'no-selection', 'no-initial', 'neither'],
  prompt: REWRITE_PROMPTS,
  onFailure: ['fall-back', 'drop'],
};

function likeDefault(name: string, value: unknown): v.GenericSchema {
  const words = WORDS[name];
  if (typeof value === 'number') {
    return v.pipe(
      v.number('must be a number'),
      v.finite('must be a number'),
      v.minValue(0, 'must be 0 or more'),
    );
  }
  if (typeof value === 'boolean') return v.boolean('must be true or false');
  if (words) return v.picklist(words, `must be one of ${words.join(', ')}`);
  return v.string('must be a text');
}

/** Any of the fields of `defaults`, none of another name. */
function partOf<T extends object>(defaults: T): v.GenericSchema<unknown, Partial<T>> {
  const entries = Object.entries(defaults as Record<string, unknown>).map(
    ([name, value]) => [name, v.exactOptional(likeDefault(name, value))] as const,
  );
  // Every entry is checked to be of its default's type, which is what `Partial<T>` says.
  return v.strictObject(Object.fromEntries(entries), unknownField) as unknown as v.GenericSchema<
    unknown,
    Partial<T>
  >;
}

export const unknownField = (issue: v.StrictObjectIssue): string =>
  issue.expected === 'never' ? 'is not known; check its spelling' : 'must be an object';

export const settingsSchema: v.GenericSchema<unknown, Partial<S3Settings>> = partOf(s3Settings());

export const parametersSchema: v.GenericSchema<unknown, SystemSettings> = v.strictObject(
  {
    deepretrieval: v.exactOptional(partOf(deepRetrievalSettings())),
    searchR1: v.exactOptional(partOf(searchR1Settings())),
    ircot: v.exactOptional(partOf(ircotSettings())),
    ircotS3: v.exactOptional(partOf(ircotS3Settings())),
    searchO1: v.exactOptional(partOf(searchO1Settings())),
    searchO1S3: v.exactOptional(partOf(searchO1S3Settings())),
  },
  unknownField,
);
