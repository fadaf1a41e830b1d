/**
 * The policy of the demonstrations as a searcher: it knows the gold passages and asks for the next one that no window has
 * shown. With the same reader behind it, its accuracy is the most that better searching could bring.
 */
import type { GenerateEvent, GenerateRequest, LanguageModel } from '../../src/protocol/language-model';
import type { Passage } from '../../src/protocol/retrieval';
import type { WorldQuestion } from '../world/types';

export class OracleSearcher implements LanguageModel {
  readonly id = 'oracle';
  readonly #questions: Map<string, WorldQuestion>;
  readonly #passages: Map<string, Passage>;

  constructor(questions: readonly WorldQuestion[], passages: readonly Passage[]) {
    this.#questions = new Map(questions.map((q) => [q.question, q]));
    this.#passages = new Map(passages.map((p) => [p.id, p]));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous; the oracle has nothing to wait for
  async *generate(request: GenerateRequest): AsyncIterable<GenerateEvent> {
    const text = this.#respond(request);
    yield { type: 'delta', text };
    yield { type: 'done', text, finishReason: 'eos', usage: NO_USAGE };
  }

  countTokens(texts: readonly string[]): Promise<number[]> {
    return Promise.resolve(texts.map((text) => Math.ceil(text.length / 4)));
  }

  #respond(request: GenerateRequest): string {
    const prompt = request.messages?.at(-1)?.content ?? '';
    const asked = /<question>\n(.*?)\n<\/question>/s.exec(prompt)?.[1] ?? '';
    const question = this.#questions.get(asked);
    if (!question) throw new Error(`The oracle does not know the question "${asked}".`);
    const observations = (request.continuation ?? [])
      .filter((s) => s.kind === 'observation')
      .map((s) => s.text);
    const visible = [prompt, ...observations].join('\n');
    const isVisible = (id: string): boolean => visible.includes(this.#passages.get(id)?.text ?? '\0');
    const selection = observations.length > 0 ? `${this.#select(question, observations.at(-1) ?? '')}\n` : '';
    const next = question.plan.find((step) => !isVisible(step.passageId));
    if (!next || observations.length >= 3) return `${selection}<search_complete>True</search_complete>`;
    return `${selection}<search_complete>False</search_complete>\n<query>{"query": ${JSON.stringify(next.query)}}</query>`;
  }

  #select(question: WorldQuestion, observation: string): string {
    const lines = observation.split(/\n(?=Doc \d+\(Title: )|<information>/).slice(1);
    const numbers = lines.flatMap((line, i) =>
      question.gold.some((id) => line.includes(this.#passages.get(id)?.text ?? '\0')) ? [i + 1] : [],
    );
    return `<important_info>[${numbers.join(', ')}]</important_info>`;
  }
}

const NO_USAGE = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 };
