/**
 * Demonstrations for the small model that plays both roles of the demo: search episodes of an oracle policy that knows the
 * gold passages but may only use what a searcher has seen, and reading exercises for the generator. Their text is
 * rendered by the agent's own functions, so that training and use agree to the byte.
 */
import {
  answerMessages,
  renderInitialResults,
  renderSearchResults,
  renderTask,
} from '../../src/agent/prompts';
import type { Passage } from '../../src/protocol/retrieval';
import type { Random } from '../world/random';
import type { World, WorldQuestion } from '../world/types';
import type { BpeEncoder } from './bpe';
import { LexicalRetriever } from './lexical';

/** What the reader says when no document holds the answer. */
export const UNKNOWN_ANSWER = 'unknown';

export interface EpisodeShape {
  /** Documents of turn 0 and of each later window. */
  initialDocuments: number;
  windowDocuments: number;
  maxTurns: number;
  /** Distracting documents in reading exercises, at most. */
  readerDistractors: number;
  /** Relative noise of the retrieval scores. */
  noise: number;
}

/** Input ids, the id that each position should predict, and whether it counts as an answer of the model. */
export interface Sequence {
  inputs: number[];
  targets: number[];
  /** 0 = given text, 1 = the model's own words. */
  own: number[];
}

export class EpisodeWriter {
  readonly #encoder: BpeEncoder;
  readonly #shape: EpisodeShape;
  readonly #random: Random;
  readonly #world: World;
  readonly #retriever: LexicalRetriever;
  readonly #byId: Map<string, Passage>;

  constructor(world: World, encoder: BpeEncoder, shape: EpisodeShape, random: Random) {
    this.#world = world;
    this.#encoder = encoder;
    this.#shape = shape;
    this.#random = random;
    this.#retriever = new LexicalRetriever(world.passages);
    this.#byId = new Map(world.passages.map((passage) => [passage.id, passage]));
  }

  /** One search episode and one or two reading exercises per question. */
  *sequences(): Generator<Sequence> {
    for (const question of this.#world.questions) {
      const { sequence, context } = this.#search(question);
      yield sequence;
      yield this.#read(question, context);
      if (this.#random.float() < 0.5) yield this.#read(question, this.#shuffledContext(question));
    }
  }

  /**
   * Several questions about the same one to three passages in one sequence. Which name of a passage answers which question
   * is the hardest thing to learn; here a sequence holds a dozen answers instead of one.
   */
  *exercises(): Generator<Sequence> {
    const about = new Map<string, WorldQuestion[]>();
    for (const question of this.#world.questions) {
      const [id = ''] = question.gold;
      about.set(id, [...(about.get(id) ?? []), question]);
    }
    const shuffled = this.#random.shuffle(this.#world.passages);
    for (let i = 0; i < shuffled.length;) {
      const passages = shuffled.slice(i, i + this.#random.int(1, this.#shape.readerDistractors + 1));
      i += passages.length;
      const questions = this.#random.shuffle(passages.flatMap((p) => about.get(p.id) ?? []));
      const builder = new SequenceBuilder(this.#encoder);
      questions.forEach((question, n) => {
        const messages = answerMessages(question.question, renderContext(passages));
        builder.given(n === 0 ? chatPrompt(messages) : `<|im_end|>\n${chatPrompt(messages.slice(1))}`);
        builder.own(spaced(question.answers[0] ?? UNKNOWN_ANSWER));
      });
      if (questions.length > 0) yield builder.build();
    }
  }

  /** Turn by turn, the oracle asks for the next passage of the plan that it has not seen, as far as it can know its name. */
  #search(question: WorldQuestion): { sequence: Sequence; context: Passage[] } {
    const { initialDocuments, windowDocuments, maxTurns, noise } = this.#shape;
    const initial = this.#retriever.search(question.question, initialDocuments, this.#random, noise);
    const seen = new Set(initial.map((p) => p.id));
    const selected: Passage[] = [];
    const builder = new SequenceBuilder(this.#encoder);
    builder.given(
      chatPrompt([{ role: 'user', content: renderTask(question.question, renderInitialResults(initial)) }]),
    );
    let selection = '';
    for (let turn = 1; ; turn++) {
      const next = question.plan.find((step) => !seen.has(step.passageId));
      if (!next || turn > maxTurns) {
        builder.own(`${selection}<search_complete>True</search_complete>`);
        break;
      }
      const query = this.#random.float() < 0.1 && turn > 1 ? next.entity : next.query;
      builder.own(
        `${selection}<search_complete>False</search_complete>\n<query>{"query": ${JSON.stringify(spaced(query))}}</query>`,
      );
      const window = this.#retriever.search(query, windowDocuments, this.#random, noise);
      builder.given(`\n\n<information>${renderSearchResults(window).trim()}</information>\n\n`);
      const gold = window.flatMap((p, i) =>
        question.gold.includes(p.id) ? [{ number: i + 1, passage: p }] : [],
      );
      selected.push(...gold.map((g) => g.passage));
      for (const passage of window) seen.add(passage.id);
      selection = `<important_info>[${gold.map((g) => g.number).join(', ')}]</important_info>\n`;
    }
    return { sequence: builder.build(), context: unique([...selected, ...initial]) };
  }

  #read(question: WorldQuestion, context: readonly Passage[]): Sequence {
    const answerable = question.gold.every((id) => context.some((p) => p.id === id));
    const text = renderContext(context);
    const builder = new SequenceBuilder(this.#encoder);
    builder.given(chatPrompt(answerMessages(question.question, text)));
    builder.own(spaced(answerable ? (question.answers[0] ?? UNKNOWN_ANSWER) : UNKNOWN_ANSWER));
    return builder.build();
  }

  /** The gold passages (now and then one is missing) among distractors, in any order. */
  #shuffledContext(question: WorldQuestion): Passage[] {
    const gold = question.gold.flatMap((id) => this.#byId.get(id) ?? []);
    if (this.#random.float() < 0.2) gold.splice(this.#random.int(0, gold.length - 1), 1);
    const count = this.#random.int(0, this.#shape.readerDistractors);
    const distractors = this.#retriever
      .search(question.question, count + gold.length, this.#random, this.#shape.noise)
      .filter((p) => !question.gold.includes(p.id))
      .slice(0, count);
    return this.#random.shuffle([...gold, ...distractors]);
  }
}

class SequenceBuilder {
  readonly #encoder: BpeEncoder;
  readonly #inputs: number[] = [];
  readonly #targets: number[] = [];
  readonly #own: number[] = [];

  constructor(encoder: BpeEncoder) {
    this.#encoder = encoder;
  }

  given(text: string): void {
    this.#append(this.#encoder.encode(text), 0);
  }

  /** The model's words end with the end-of-turn token as a target; as an input it never appears, since the loop strips it. */
  own(text: string): void {
    this.#append(this.#encoder.encode(text), 1);
    this.#targets.push(this.#encoder.id('<|im_end|>'));
    this.#own.push(1);
  }

  build(): Sequence {
    return { inputs: this.#inputs, targets: this.#targets, own: this.#own };
  }

  /** `targets[i]` is what follows `inputs[i]`: each new id is the target of the position before it. */
  #append(ids: readonly number[], own: number): void {
    ids.forEach((id, i) => {
      const overridden = this.#targets.length === this.#inputs.length && this.#inputs.length > 0;
      if (this.#inputs.length > 0 && !(i === 0 && overridden)) {
        this.#targets.push(id);
        this.#own.push(own);
      }
      this.#inputs.push(id);
    });
  }
}

export const chatPrompt = (messages: readonly { role: string; content: string }[]): string =>
  messages.map((m) => `<|im_start|>${m.role}\n${m.content}<|im_end|>\n`).join('') + '<|im_start|>assistant\n';

const renderContext = (passages: readonly Passage[]): string =>
  passages.map((p, i) => `Doc ${i + 1} (Title: ${p.title})\n${p.text}\n\n`).join('');

/** With its leading space a name has the same tokens as in running text, and can be copied; parsers trim it. */
const spaced = (text: string): string => ` ${text}`;

function unique(passages: readonly Passage[]): Passage[] {
  return [...new Map(passages.map((p) => [p.text, p])).values()];
}
