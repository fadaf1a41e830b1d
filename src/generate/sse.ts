import { AppError } from '../protocol/errors';

export interface ServerSentEvent {
  /** The `event:` field; `message` where there was none. */
  event: string;
  /** The `data:` lines joined by line feeds. */
  data: string;
}

/** One event of a completion is some hundred bytes; a line that never ends must not fill the memory. */
const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024;

/**
 * Parses a `text/event-stream` as the HTML standard says (§9.2.6): chunks may be cut anywhere, also inside a character;
 * lines end in LF, CR or CRLF; comments and unknown fields are skipped. Different from the standard in one point: an
 * event that the end of the stream cuts off before its empty line is still delivered, since several servers leave out the
 * last empty line. Whether the stream was complete is for the caller to tell.
 */
export async function* parseServerSentEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let event = '';
  let data: string[] = [];

  const take = (): ServerSentEvent | undefined => {
    const complete = data.length > 0 ? { event: event || 'message', data: data.join('\n') } : undefined;
    event = '';
    data = [];
    return complete;
  };
  const readLine = (line: string): ServerSentEvent | undefined => {
    if (line === '') return take();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
    return undefined;
  };
  /** Cuts whole lines off `rest`. A CR at its very end may be half of a CRLF and waits, unless nothing follows. */
  const lines = function* (last: boolean): Generator<string> {
    const ends = /\r\n|\n|\r/g;
    let from = 0;
    for (let end = ends.exec(rest); end; end = ends.exec(rest)) {
      if (!last && end[0] === '\r' && ends.lastIndex === rest.length) break;
      yield rest.slice(from, end.index);
      from = ends.lastIndex;
    }
    rest = rest.slice(from);
  };

  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    for (const line of lines(false)) {
      const complete = readLine(line);
      if (complete) yield complete;
    }
    const held = data.reduce((sum, line) => sum + line.length, rest.length);
    if (held > MAX_EVENT_CHARACTERS) {
      throw new AppError('BAD_RESPONSE', 'The endpoint sent an event of more than 4 MB.', {
        fix: 'Check that the address is an OpenAI-compatible endpoint.',
      });
    }
  }
  rest += decoder.decode();
  for (const line of lines(true)) {
    const complete = readLine(line);
    if (complete) yield complete;
  }
  const unfinished = (rest === '' ? undefined : readLine(rest)) ?? take();
  if (unfinished) yield unfinished;
}
