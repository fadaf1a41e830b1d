/**
 * What a collection that `s3 index push` has filled says of itself: by what encoder and analyzer, how far the push has come. Qdrant keeps it as
 * the payload of point 0, the Lucene engines as `_meta` of the mapping.
 */
import * as v from 'valibot';
import type { EncoderIdentity } from '../../protocol/corpus';
import { AppError } from '../../protocol/errors';
import type { RetrievalMode } from '../../protocol/retrieval';

export const REMOTE_FORMAT = 's3-web/collection';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const short = v.pipe(v.string(), v.maxLength(300));

const Schema = v.object({
  format: v.literal(REMOTE_FORMAT),
  version: v.literal(1),
  name: short,
  /** sha256 of the manifest of the pack. */
  pack: short,
  passages: count,
  /** How many of them have been pushed. */
  rows: count,
  encoder: v.nullable(
    v.object({
      model: short,
      revision: short,
      dimensions: v.pipe(count, v.minValue(1), v.maxValue(65_536)),
      dtype: v.picklist(['fp32', 'fp16', 'q8']),
    }),
  ),
  prefixes: v.optional(v.object({ query: short, passage: short })),
  analyzer: short,
  k1: v.pipe(v.number(), v.finite(), v.minValue(0)),
  b: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1)),
  /** Terms whose number is not their hash, because another term has it. */
  numbers: v.optional(v.record(v.string(), count)),
});

export type RemoteManifest = v.InferOutput<typeof Schema> & { encoder: EncoderIdentity | null };

/** @throws AppError UNSUPPORTED where it is not ours, with what is wrong */
export function parseRemoteManifest(value: unknown, where: string): RemoteManifest {
  const result = v.safeParse(Schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const told = `${v.getDotPath(issue) ?? 'its description'}: ${issue.message}`;
  throw new AppError('UNSUPPORTED', `${where} was not filled by this program (${told}).`, {
    fix: 'Fill a collection of its own with `s3 index push PACK --to …`: encoder and analyzer must be known to search it.',
  });
}

/** @throws AppError UNSUPPORTED for a collection whose push has not come to its end */
export function requireComplete({ rows, passages, name }: RemoteManifest): void {
  if (rows >= passages) return;
  throw new AppError(
    'UNSUPPORTED',
    `"${name}" is there by half: ${rows} of ${passages} passages were pushed.`,
    {
      fix: 'Start `s3 index push` again with the same pack; it goes on where it stopped.',
    },
  );
}

export const modesOf = ({ encoder }: Pick<RemoteManifest, 'encoder'>): RetrievalMode[] =>
  encoder === null ? ['bm25'] : ['dense', 'bm25', 'hybrid'];
