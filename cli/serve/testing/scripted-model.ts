import { throwIfAborted } from '../../../src/protocol/errors';
import type { GenerateEvent, GenerateRequest } from '../../../src/protocol/language-model';
import { StopStrings } from '../../../src/lm/text/stop-strings';
import type { ServedModel } from '../choice';

/** A model whose tokens are characters, and which says what it is told to, one character a tick. */
export class ScriptedModel implements ServedModel {
  maxContext = 100;
  /** What it answers; thrown where it is an error, after what it is to say first. */
  answer: (request: GenerateRequest) => string | { first: string; then: unknown } = () => 'Hello.';
  /** Waits before every character; null: the next tick. */
  pause: Promise<void> | null = null;
  readonly asked: GenerateRequest[] = [];
  /** Generations under way, and the most there have been at a time. */
  running = 0;
  most = 0;

  promptTokens({ messages, prompt, tokens, continuation = [] }: GenerateRequest): number[] {
    if (tokens) return [...tokens];
    const beginning = prompt ?? messages?.map(({ role, content }) => `<${role}>${content}`).join('') ?? '';
    const text = beginning + continuation.map((segment) => segment.text).join('');
    return [...text].map((character) => character.charCodeAt(0));
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    this.asked.push(request);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    try {
      const answer = this.answer(request);
      const [words, failure] = typeof answer === 'string' ? [answer] : [answer.first, answer.then];
      const stops = new StopStrings(request.stop ?? [], request.keepStop ?? false);
      let [text, made, finishReason] = ['', 0, 'eos' as 'eos' | 'stop' | 'length'];
      for (const character of words) {
        await (this.pause ?? new Promise((resolve) => setImmediate(resolve)));
        throwIfAborted(signal);
        if (made === request.maxTokens) {
          finishReason = 'length';
          break;
        }
        made += 1;
        const piece = stops.push(character);
        text += piece.text;
        const token = { id: character.charCodeAt(0), text: character, logprob: -0.5 };
        yield { type: 'delta', text: piece.text, tokens: [token] };
        if (piece.stopped === undefined) continue;
        finishReason = 'stop';
        break;
      }
      if (failure !== undefined) throw failure as Error;
      const rest = stops.flush();
      if (rest !== '') yield { type: 'delta', text: rest };
      const promptTokens = this.promptTokens(request).length;
      const times = { prefillMs: 0, decodeMs: 0 };
      const usage = { promptTokens, cachedTokens: 3, completionTokens: made, ...times };
      yield { type: 'done', text: text + rest, finishReason, usage };
    } finally {
      this.running -= 1;
    }
  }
}
