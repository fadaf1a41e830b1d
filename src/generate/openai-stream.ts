import { badResponse, brokenStreamError, type FailedRequest } from './endpoint-errors';
import { readAnswer, type AnswerPart } from './openai-wire';
import { Retryable } from './retry';
import { parseServerSentEvents } from './sse';

/** Reads a body chunk by chunk; stopping early cancels it. (Safari cannot iterate over a body.) */
async function* bodyOf(response: Response, onChunk: () => void): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let complete = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      onChunk();
      yield value;
    }
    complete = true;
  } finally {
    if (!complete) await reader.cancel().catch(() => undefined); // broken already: nothing to cancel
  }
}

/** Splits off the first character that is not white space, and gives the whole again to read. */
async function peek(
  chunks: AsyncGenerator<Uint8Array>,
): Promise<{ first: string; all: AsyncGenerator<Uint8Array> }> {
  const seen: Uint8Array[] = [];
  const decoder = new TextDecoder();
  let first = '';
  while (first === '') {
    const step = await chunks.next();
    if (step.done) break;
    seen.push(step.value);
    first = decoder.decode(step.value, { stream: true }).trimStart().slice(0, 1);
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield* seen;
    yield* chunks;
  };
  return { first, all: all() };
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/**
 * The parts of one answer. Whether it is a stream or one document is told from its first character, since some servers ignore
 * `stream` and some name the wrong type. Ends normally only if the answer was complete: a stream that just ends is broken.
 */
export async function* readParts(
  response: Response,
  about: FailedRequest,
  onChunk: () => void,
): AsyncGenerator<AnswerPart> {
  const read = (json: string): AnswerPart => {
    const part = readAnswer(json);
    if (!('fault' in part)) return part;
    if (!part.fromServer) throw badResponse(about, part.fault);
    throw new Retryable(badResponse(about, part.fault, "Look at the server's log, or try again.", true));
  };
  const body = bodyOf(response, onChunk);
  try {
    const { first, all } = await peek(body);
    if (first === '<') throw badResponse(about, 'answered with a web page, not with a completion.');
    if (first === '{') {
      yield { finish: 'eos', ...read(await textOf(all)) };
      return;
    }
    let complete = false;
    for await (const { data } of parseServerSentEvents(all)) {
      if (data.trim() === '') continue;
      if (data.trim() === '[DONE]') {
        complete = true;
        break;
      }
      const part = read(data);
      complete ||= part.finish !== undefined;
      yield part;
    }
    if (!complete) throw new Retryable(brokenStreamError(about));
  } finally {
    await body.return(undefined);
  }
}
