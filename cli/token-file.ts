import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { AppError } from '../src/protocol/errors';

const tokensSchema = v.object({
  input_ids: v.pipe(
    v.array(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.nonEmpty())),
    v.nonEmpty(),
  ),
});

/** Sequences of token ids from a file `{"input_ids": number[][]}`. */
export async function readTokens(path: string): Promise<number[][]> {
  try {
    return v.parse(tokensSchema, JSON.parse(await readFile(path, 'utf8'))).input_ids;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('BAD_INPUT', `${path} holds no token ids: ${reason}`, {
      fix: 'Write {"input_ids": [[1, 2, 3], …]}.',
      cause,
    });
  }
}
