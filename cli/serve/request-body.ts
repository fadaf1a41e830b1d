import * as v from 'valibot';
import { ApiError } from './api-error';
import type { Exchange } from './http-server';

/** Larger bodies are refused. A prompt of a million tokens is about as long. */
const MAX_BODY_BYTES = 8 * 2 ** 20;

/** @throws ApiError 400, 413, 415 */
export async function readJson({ request }: Pick<Exchange, 'request'>): Promise<unknown> {
  const { headers } = request;
  const tooLarge = (): ApiError =>
    new ApiError(413, `The body is longer than ${MAX_BODY_BYTES / 2 ** 20} MiB.`, {
      headers: { connection: 'close' },
    });
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw new ApiError(415, 'The body must not be compressed.', { headers: { connection: 'close' } });
  }
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))) as unknown;
  } catch {
    throw new ApiError(400, 'The body is not JSON in UTF-8.', { code: 'invalid_json' });
  }
}

/** @throws ApiError 400, naming the field */
export function parseBody<T extends v.GenericSchema>(schema: T, body: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, body);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const param = v.getDotPath(issue);
  throw new ApiError(400, `${param === null ? 'The body' : `\`${param}\``} is wrong: ${issue.message}`, {
    code: 'invalid_value',
    ...(param !== null && { param }),
  });
}
