/** IRCoT's few-shot prompt: demonstrations, paragraphs, question and the thoughts so far, as one raw text. */
import { neutralise } from '../neutralise';
import { askedQuestion } from '../searcher-prompt';
import type { Paragraph } from './near-duplicates';

/** A worked example. `thoughts` ends with "So the answer is: …." */
export interface Demonstration {
  paragraphs: readonly Paragraph[];
  question: string;
  thoughts: string;
  answer: string;
}

/** `cot`: the reader reasons, too. `direct`: it answers at once. */
export type ReaderStyle = 'cot' | 'direct';

const MAX_WORDS = 350;
const MAX_PARAGRAPH_WORDS = 600;

/** Lines with which a paragraph could open or answer a question of its own, or pass for another paragraph. */
const FORGED = /^([^\S\n]*)(Q|A|Wikipedia Title)([^\S\n]*):/gimu;

/** Harmless in this prompt: no tags and chat tokens, no forged lines, no blank lines that would end a demonstration. */
export const harmless = (text: string): string =>
  neutralise(text)
    .replace(/[\r\u2028\u2029\v\f\x85]/g, '\n')
    .replace(/\n\s*\n/g, '\n')
    .replace(FORGED, '$1$2$3 -');

export const tooLong = ({ text }: Paragraph): boolean => text.split(' ').length > MAX_PARAGRAPH_WORDS;

export const renderParagraphs = (paragraphs: readonly Paragraph[]): string =>
  paragraphs
    .map(({ title, text }) => {
      const words = harmless(text.trim()).split(' ').slice(0, MAX_WORDS).join(' ');
      return `Wikipedia Title: ${harmless(title).replace(/\s+/g, ' ').trim()}\n${words}`;
    })
    .join('\n\n');

export interface IrcotTask {
  demonstrations: readonly Demonstration[];
  paragraphs: readonly Paragraph[];
  question: string;
  /** The sentences so far. */
  thoughts?: readonly string[];
  style?: ReaderStyle;
  /** Before each question, such as Flan-T5's "Answer the following question by reasoning step-by-step.\n". */
  prefix?: string;
}

export function ircotPrompt(task: IrcotTask): string {
  const { demonstrations, paragraphs, question, thoughts = [], style = 'cot', prefix = '' } = task;
  const demos = demonstrations.map((demo) =>
    [
      renderParagraphs(demo.paragraphs),
      `Q: ${prefix}${demo.question}\nA: ${style === 'cot' ? demo.thoughts : demo.answer}`,
    ].join('\n\n'),
  );
  const asked = harmless(askedQuestion(question)).replace(/\s+/g, ' ');
  const written = thoughts.filter((thought) => thought !== '').join(' ');
  const own = `${renderParagraphs(paragraphs)}\n\nQ: ${prefix}${asked}\nA: ${written}`.trim();
  return [...demos, own].join('\n\n\n');
}
