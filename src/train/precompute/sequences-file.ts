/** `*_output_sequences.json` from elsewhere. */
import * as v from 'valibot';
import type { OutputSequences } from '../../agent/output-sequences';
import { AppError } from '../../protocol/errors';

const File = v.record(
  v.string(),
  v.looseObject({
    // Some of the original's scripts write a single answer without a list.
    golden_answers: v.union([
      v.array(v.string()),
      v.pipe(
        v.string(),
        v.transform((answer) => [answer]),
      ),
    ]),
    context_with_info: v.string(),
    response_str: v.optional(v.string()),
  }),
);

/** @throws AppError BAD_INPUT */
export function parseOutputSequences(json: unknown): OutputSequences {
  const read = v.safeParse(File, json);
  if (read.success) {
    const entries = Object.entries(read.output).map(
      ([question, { golden_answers, context_with_info, response_str }]) =>
        [
          question,
          { golden_answers, context_with_info, ...(response_str !== undefined && { response_str }) },
        ] as const,
    );
    return Object.fromEntries(entries);
  }
  const [issue] = read.issues;
  const where = v.getDotPath(issue) ?? 'the document';
  throw new AppError('BAD_INPUT', `This is no output_sequences file: ${where}: ${issue.message}`, {
    fix: 'Choose a file that s3, one of its baselines or `precompute` wrote.',
  });
}

/** The name under which the original's scripts look for it. */
export const sequencesFileName = (source: string): string => `${source}_output_sequences.json`;
