import { AppError } from '../../src/protocol/errors';
import type { Random } from './random';

/**
 * Sentence templates. `{slot}` is filled by the caller, `{~list}` by a word from a list, `[a|b|c]` is a choice of one.
 * Choices may be nested and may hold slots.
 */
export type Template = readonly Node[];
type Node =
  | { type: 'text'; text: string }
  | { type: 'slot'; name: string }
  | { type: 'choice'; options: readonly Template[] };

export function compile(source: string): Template {
  const cursor = { at: 0 };
  const template = parse(source, cursor);
  if (cursor.at !== source.length) throw broken(source);
  return template;
}

/** Reads up to the end or an unnested `|` or `]`, where the cursor stays. */
function parse(source: string, cursor: { at: number }): Template {
  const nodes: Node[] = [];
  let text = '';
  const flush = () => {
    if (text) nodes.push({ type: 'text', text });
    text = '';
  };
  while (cursor.at < source.length) {
    const char = source.charAt(cursor.at);
    if (char === '|' || char === ']') break;
    cursor.at++;
    if (char === '{') {
      flush();
      const end = source.indexOf('}', cursor.at);
      if (end < 0) throw broken(source);
      nodes.push({ type: 'slot', name: source.slice(cursor.at, end) });
      cursor.at = end + 1;
    } else if (char === '[') {
      flush();
      const options: Template[] = [];
      do {
        options.push(parse(source, cursor));
        if (cursor.at >= source.length) throw broken(source);
      } while (source.charAt(cursor.at++) === '|');
      nodes.push({ type: 'choice', options });
    } else {
      text += char;
    }
  }
  flush();
  return nodes;
}

const broken = (source: string) =>
  new AppError('INTERNAL', `The template "${source}" has unbalanced brackets.`, {
    fix: 'Correct the prose.',
  });

export function render(template: Template, random: Random, fill: (slot: string) => string): string {
  let out = '';
  for (const node of template) {
    if (node.type === 'text') out += node.text;
    else if (node.type === 'slot') out += fill(node.name);
    else out += render(random.pick(node.options), random, fill);
  }
  return out;
}

/** The slots in a template; with `everywhere`, only those that every choice leads through. */
export function slotsOf(template: Template, everywhere = false): Set<string> {
  const found = new Set<string>();
  for (const node of template) {
    if (node.type === 'slot') found.add(node.name);
    if (node.type !== 'choice') continue;
    const perOption = node.options.map((option) => slotsOf(option, everywhere));
    for (const slots of perOption) {
      for (const slot of slots) {
        if (!everywhere || perOption.every((other) => other.has(slot))) found.add(slot);
      }
    }
  }
  return found;
}

/** Puts "an" where a vowel follows. The prose avoids words such as "unique" after "a". */
export const spellArticles = (text: string): string => text.replace(/\b([Aa]) (?=[aeiouAEIOU])/g, '$1n ');

/** A rendered sentence with its articles and a capital at the start. */
export function polish(sentence: string): string {
  const spelled = spellArticles(sentence);
  return spelled.charAt(0).toUpperCase() + spelled.slice(1);
}
