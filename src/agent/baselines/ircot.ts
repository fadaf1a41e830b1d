/**
 * IRCoT (arXiv 2212.10509), the original few-shot form: each sentence of a chain of thought is the query for the next paragraphs;
 * a reader then answers from all of them. The thoughts written while searching are discarded.
 */
import type { LanguageModel } from '../../protocol/language-model';
import type { Hit } from '../../protocol/retrieval';
import type { System } from '../../protocol/system';
import { concluded, withoutThought } from '../answer';
import { untilAborted } from '../interrupt';
import { neutraliseChatTokens } from '../neutralise';
import { shownDocuments } from '../observation';
import { asked, generation, tryRetrieve, type RunStream } from '../run-events';
import { initialQuery } from '../searcher-prompt';
import { naiveRagSettings, type AnswerSettings } from '../settings';
import { IRCOT_DEMONSTRATIONS } from './ircot-demonstrations';
import {
  ircotPrompt,
  renderParagraphs,
  tooLong,
  type Demonstration,
  type IrcotTask,
  type ReaderStyle,
} from './ircot-prompt';
import { nearDuplicate } from './near-duplicates';
import { baselineSystem, turnSeed, type BaselineParts, type BaselineRun } from './parts';
import { firstSentence, saysAnswer, thoughtAnswer, thoughtQuery, withoutQuestionWords } from './sentences';

export interface IrcotSettings extends AnswerSettings {
  /** K of the paper, chosen per data set among 2, 4, 6 and 8. */
  documentsPerQuery: number;
  maxDocuments: number;
  maxSentences: number;
  sentenceTokens: number;
  /** Demonstrations are left out from the front until the prompt has no more tokens. */
  promptTokens: number;
  reader: ReaderStyle;
  /** `raw` completes a text, as the original's models did; `messages` sends it as a user's message. */
  delivery: 'raw' | 'messages';
  prefix: string;
}

/** Hits asked for, of which the first K that differ are taken. */
const SEARCHED = 100;

export function ircotSettings(given: Partial<IrcotSettings> = {}): IrcotSettings {
  return {
    ...naiveRagSettings(given),
    documentsPerQuery: 4,
    maxDocuments: 15,
    maxSentences: 10,
    sentenceTokens: 300,
    promptTokens: 6000,
    reader: 'cot',
    delivery: 'raw',
    prefix: '',
    ...given,
  };
}

export function createIrcot(
  parts: BaselineParts,
  given: Partial<IrcotSettings> = {},
  demonstrations: readonly Demonstration[] = IRCOT_DEMONSTRATIONS,
): System {
  const settings = ircotSettings(given);
  return baselineSystem('ircot', parts, settings.mode, (run) =>
    new IrcotRun(run, settings, demonstrations).stream(),
  );
}

interface Kept {
  passageId: string;
  title: string;
  text: string;
}

class IrcotRun {
  readonly #run: BaselineRun;
  readonly #settings: IrcotSettings;
  readonly #demonstrations: readonly Demonstration[];
  readonly #kept: Kept[] = [];

  constructor(run: BaselineRun, settings: IrcotSettings, demonstrations: readonly Demonstration[]) {
    this.#run = run;
    this.#settings = settings;
    this.#demonstrations = demonstrations;
  }

  async *stream(): RunStream {
    const { question, options, position } = this.#run;
    yield* asked(position, question, options);
    const stem = initialQuery(question);
    yield* this.#search(withoutQuestionWords(stem) || stem);
    const sentences: string[] = [];
    for (let turn = 1; turn <= this.#settings.maxSentences; turn++) {
      position.turn = turn;
      const sentence = yield* this.#think(sentences);
      sentences.push(sentence);
      const thought = sentence === '' ? {} : { thought: sentence };
      const at = position.stamp();
      if (sentence === '' || saysAnswer(sentence)) {
        yield { type: 'action', ...at, action: 'search_complete', ...thought };
        break;
      }
      const query = thoughtQuery(stem, sentences);
      if (turn === this.#settings.maxSentences) {
        yield { type: 'action', ...at, action: 'search', query, ...thought, forced: true };
      } else if (query === '') {
        const note = 'Nothing of the sentence is left to search for.';
        yield { type: 'action', ...at, action: 'invalid', ...thought, note };
      } else {
        yield { type: 'action', ...at, action: 'search', query, ...thought };
        yield* this.#search(query);
      }
    }
    yield* this.#read();
  }

  async *#search(query: string): RunStream {
    const { parts, position } = this.#run;
    const { hits, ...found } = await tryRetrieve(parts.retriever, query, SEARCHED, position);
    const documents = shownDocuments(firstDistinct(hits, this.#settings.documentsPerQuery));
    yield { type: 'retrieved', ...position.stamp(), query, documents, ...found };
    const taken = documents.filter(({ passageId, title, text }) => {
      const fits = this.#kept.length < this.#settings.maxDocuments && !tooLong({ title, text });
      if (!fits || this.#kept.some((kept) => nearDuplicate(kept, { title, text }))) return false;
      return this.#kept.push({ passageId, title, text }) > 0;
    });
    if (documents.length === 0) return;
    const numbers = taken.map((d) => d.number);
    const passageIds = taken.map((d) => d.passageId);
    yield { type: 'selected', ...position.stamp(), window: position.turn, numbers, passageIds };
  }

  async *#think(thoughts: readonly string[]): RunStream<string> {
    const { parts, question, position } = this.#run;
    const task = { paragraphs: this.#kept, question, thoughts, prefix: this.#settings.prefix };
    const { text: prompt } = await this.#fit(parts.searcher, task);
    const request = {
      ...this.#delivered(prompt),
      maxTokens: this.#settings.sentenceTokens,
      temperature: 0,
      stop: ['\n'],
      ...turnSeed(this.#run),
    };
    const written = yield* generation(parts.searcher, request, 'searcher', position);
    const text = neutraliseChatTokens(firstSentence(written.text));
    yield { type: 'generated', ...position.stamp(), role: 'searcher', ...written, text };
    return text;
  }

  async *#read(): RunStream {
    const { parts, question, options, position } = this.#run;
    const settings = this.#settings;
    const { reader: style, prefix } = settings;
    const task = { paragraphs: this.#kept, question, style, prefix };
    const { text: prompt, paragraphs } = await this.#fit(parts.generator, task);
    const kept = this.#kept.slice(0, paragraphs);
    const text = renderParagraphs(kept);
    const passageIds = kept.map((d) => d.passageId);
    const [tokens = 0] = await this.#count(parts.generator, [text]);
    yield { type: 'context', ...position.stamp(), passageIds, text, tokens };
    const request = {
      ...this.#delivered(prompt),
      maxTokens: settings.sentenceTokens,
      temperature: 0,
      stop: ['\n'],
      ...turnSeed(this.#run),
    };
    const written = yield* generation(parts.generator, request, 'generator', position);
    yield { type: 'generated', ...position.stamp(), role: 'generator', ...written };
    const answer = thoughtAnswer(withoutThought(written.text));
    yield* concluded(answer, parts.generator.id, passageIds, options, position);
  }

  /** The prompt within its limit: demonstrations go first, from the front; then paragraphs, from the end. */
  async #fit(
    model: LanguageModel,
    task: Omit<IrcotTask, 'demonstrations'>,
  ): Promise<{ text: string; paragraphs: number }> {
    const demonstrations = [...this.#demonstrations];
    const paragraphs = [...task.paragraphs];
    for (;;) {
      const text = ircotPrompt({ ...task, demonstrations, paragraphs });
      const [tokens = 0] = await this.#count(model, [text]);
      const within = tokens <= this.#settings.promptTokens;
      if (within || (demonstrations.length === 0 && paragraphs.length === 0)) {
        return { text, paragraphs: paragraphs.length };
      }
      if (demonstrations.length > 0) demonstrations.shift();
      else paragraphs.pop();
    }
  }

  #count(model: LanguageModel, texts: readonly string[]): Promise<number[]> {
    return untilAborted(model.countTokens(texts), this.#run.position.signal);
  }

  #delivered(prompt: string) {
    if (this.#settings.delivery === 'raw') return { prompt };
    return { messages: [{ role: 'user' as const, content: prompt }] };
  }
}

/** By their texts, without regard to case. */
function firstDistinct(hits: readonly Hit[], count: number): Hit[] {
  const seen = new Set<string>();
  const distinct = hits.filter(({ passage }) => {
    const key = passage.text.trim().toLowerCase();
    return !seen.has(key) && seen.add(key);
  });
  return distinct.slice(0, count);
}
