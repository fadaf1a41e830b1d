import { StopStrings } from '../../src/lm/text/stop-strings';
import type {
  GeneratedToken,
  GenerateEvent,
  GenerateRequest,
  Usage,
} from '../../src/protocol/language-model';

/** What the served APIs need of a model; `LocalModel` is one. */
export interface ServedModel {
  readonly maxContext: number;
  promptTokens(request: GenerateRequest): number[];
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
}

export interface ChoicePiece {
  text: string;
  tokens: GeneratedToken[];
}

export interface ChoiceEnd {
  finishReason: 'stop' | 'length';
  /** vLLM's field: the stop string that was found, null for the model's own end. */
  stopReason: string | null;
  usage: Usage;
}

/**
 * One answer, piece by piece. The model keeps stop strings and ends at them; here they are found once more, since the API says which
 * one it was, and taken off unless they are wanted.
 */
export async function runChoice(
  model: Pick<ServedModel, 'generate'>,
  request: GenerateRequest,
  onPiece: (piece: ChoicePiece) => Promise<void>,
  signal: AbortSignal,
): Promise<ChoiceEnd> {
  const stops = new StopStrings(request.stop ?? [], request.keepStop ?? false);
  let stopReason: string | null = null;
  for await (const event of model.generate({ ...request, keepStop: true }, signal)) {
    if (event.type === 'delta') {
      const { text, stopped } = stops.push(event.text);
      stopReason ??= stopped ?? null;
      const tokens = event.tokens ?? [];
      if (text !== '' || tokens.length > 0) await onPiece({ text, tokens });
      continue;
    }
    const rest = stops.flush();
    if (rest !== '') await onPiece({ text: rest, tokens: [] });
    const finishReason = event.finishReason === 'length' ? 'length' : 'stop';
    return { finishReason, stopReason, usage: event.usage };
  }
  throw new Error('The model ended without saying so.');
}
