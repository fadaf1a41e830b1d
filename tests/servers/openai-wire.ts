/** The documents and stream pieces that the loopback endpoint sends, in the shapes of the OpenAI API. */

export interface ServerMessage {
  role: string;
  content: string;
}

export type Dialect = 'chat' | 'completion';

interface Answer {
  text: string;
  reasoning?: string;
  finishReason?: string;
}

/** Pieces of text as tokens of this pretended model: a word with the space before it. */
const tokensOf = (text: string): string[] => text.match(/\s*\S+|\s+$/gu) ?? [];

/** Applies `stop` and `max_tokens` (in pieces) as a server does: the stop string is left out. */
function cutAnswer(
  { text, finishReason }: Answer,
  body: Record<string, unknown>,
): { text: string; finish: string } {
  const stops = (Array.isArray(body['stop']) ? body['stop'] : [body['stop']]).filter(
    (stop): stop is string => typeof stop === 'string',
  );
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  const stopped = ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
  const limit = Number(body['max_tokens'] ?? body['max_completion_tokens'] ?? Infinity);
  const tokens = tokensOf(stopped);
  if (tokens.length > limit) return { text: tokens.slice(0, limit).join(''), finish: 'length' };
  return { text: stopped, finish: finishReason ?? 'stop' };
}

const usageOf = (messages: ServerMessage[], text: string): Record<string, number> => {
  const prompt = tokensOf(messages.map(({ content }) => content).join(' ')).length;
  const completion = tokensOf(text).length;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
};

export function completionDocument(
  dialect: Dialect,
  answer: Answer,
  body: Record<string, unknown>,
  messages: ServerMessage[],
): unknown {
  const { text, finish } = cutAnswer(answer, body);
  const content =
    dialect === 'chat'
      ? {
          message: {
            role: 'assistant',
            content: text,
            ...(answer.reasoning && { reasoning_content: answer.reasoning }),
          },
        }
      : { text };
  return {
    id: 'cmpl-1',
    object: dialect === 'chat' ? 'chat.completion' : 'text_completion',
    model: body['model'],
    choices: [{ index: 0, ...content, finish_reason: finish }],
    usage: usageOf(messages, text),
  };
}

/** The `data:` payloads of one streamed completion, `[DONE]` included unless `bare`. */
export function streamPieces(
  dialect: Dialect,
  answer: Answer,
  body: Record<string, unknown>,
  messages: ServerMessage[],
  bare: boolean,
): string[] {
  const { text, finish } = cutAnswer(answer, body);
  const head = {
    id: 'cmpl-1',
    object: dialect === 'chat' ? 'chat.completion.chunk' : 'text_completion',
    model: body['model'],
  };
  const choice = (delta: Record<string, unknown>, piece: string, finishReason: string | null): unknown => ({
    ...head,
    choices: [
      { index: 0, ...(dialect === 'chat' ? { delta } : { text: piece }), finish_reason: finishReason },
    ],
  });
  const pieces: unknown[] = [];
  if (dialect === 'chat') pieces.push(choice({ role: 'assistant', content: '' }, '', null));
  for (const token of tokensOf(answer.reasoning ?? ''))
    pieces.push(choice({ reasoning_content: token }, '', null));
  for (const token of tokensOf(text)) pieces.push(choice({ content: token }, token, null));
  pieces.push(choice({}, '', finish));
  const options = body['stream_options'];
  const wantsUsage = typeof options === 'object' && options !== null && 'include_usage' in options;
  if (wantsUsage && !bare) pieces.push({ ...head, choices: [], usage: usageOf(messages, text) });
  return [...pieces.map((piece) => JSON.stringify(piece)), ...(bare ? [] : ['[DONE]'])];
}
