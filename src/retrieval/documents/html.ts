/**
 * HTML as text with headings. A tokenizer of its own, since workers have no `DOMParser`: one pass, nothing is executed, nothing is
 * fetched, and what it returns is text, never markup.
 */
import type { Block } from './blocks';
import { decodeEntities } from './entities';
import type { ParsedDocument } from './markdown';

/** Elements whose contents are no text for a reader. */
const DROPPED = new Set(
  'script style noscript template svg math iframe object head nav select textarea button canvas audio video'.split(
    ' ',
  ),
);
/** Elements whose contents are not markup: only their own end tag ends them. */
const RAW = new Set(['script', 'style', 'textarea', 'title', 'iframe', 'noscript', 'xmp']);
const BLOCK_ELEMENTS = new Set(
  (
    'address article aside blockquote body br caption dd details div dl dt fieldset figcaption figure footer h1 h2 h3 h4 h5 h6 header hr ' +
    'html li main ol p pre section summary table tbody td tfoot th thead tr ul'
  ).split(' '),
);
const HEADING = /^h([1-6])$/;
const TAG_NAME = /^\/?([a-zA-Z][a-zA-Z0-9-]*)/;

interface Tag {
  name: string;
  closing: boolean;
  selfClosing: boolean;
  /** Offset behind the tag. */
  end: number;
}

/** The tag at `start`, whose attributes may hold `>` between quotes; `null` where `<` is only a character. */
function readTag(source: string, start: number): Tag | null {
  const name = TAG_NAME.exec(source.slice(start + 1, start + 64))?.[1]?.toLowerCase();
  if (name === undefined) return null;
  let quote = '';
  for (let i = start + 1; i < source.length; i++) {
    const c = source[i] ?? '';
    if (quote !== '') {
      if (c === quote) quote = '';
    } else if ((c === '"' || c === "'") && source[i - 1] === '=') {
      quote = c;
    } else if (c === '>') {
      return { name, closing: source[start + 1] === '/', selfClosing: source[i - 1] === '/', end: i + 1 };
    }
  }
  // Never closed: nothing after it can be trusted to be text.
  return { name, closing: false, selfClosing: false, end: source.length };
}

/** Offset behind a comment, a doctype or a processing instruction at `start`; −1 where there is none. */
function skipDeclaration(source: string, start: number): number {
  const close = source.startsWith('<!--', start)
    ? '-->'
    : /^<[!?]/.test(source.slice(start, start + 2))
      ? '>'
      : null;
  if (close === null) return -1;
  const end = source.indexOf(close, start + 2);
  return end < 0 ? source.length : end + close.length;
}

class RawEnds {
  readonly #lower: string;

  constructor(source: string) {
    this.#lower = source.toLowerCase();
  }

  /** Where the end tag of a raw element begins. */
  find(name: string, from: number): number {
    const end = this.#lower.indexOf(`</${name}`, from);
    return end < 0 ? this.#lower.length : end;
  }
}

/** Lower-casing may change the length of a few characters, which would shift offsets; those are made plain first. */
const keepLength = (source: string): string => source.replaceAll('İ', 'I');

class Collector {
  readonly blocks: Block[] = [];
  #text: string[] = [];
  #heading = 0;

  add(text: string): void {
    this.#text.push(text);
  }

  breakLine(): void {
    const text = decodeEntities(this.#text.join('')).replace(/\s+/g, ' ').trim();
    this.#text = [];
    if (text === '') return;
    this.blocks.push(
      this.#heading > 0 ? { kind: 'heading', level: this.#heading, text } : { kind: 'text', text },
    );
  }

  setHeading(level: number): void {
    this.breakLine();
    this.#heading = level;
  }
}

export function parseHtml(html: string): ParsedDocument {
  const source = keepLength(html);
  const rawEnds = new RawEnds(source);
  const out = new Collector();
  let title: string | null = null;
  /** How deep we are in dropped elements of this name; others inside do not count. */
  let dropped: { name: string; depth: number } | null = null;
  let at = 0;
  while (at < source.length) {
    const open = source.indexOf('<', at);
    const textEnd = open < 0 ? source.length : open;
    if (dropped === null && textEnd > at) out.add(source.slice(at, textEnd));
    if (open < 0) break;
    const skipped = skipDeclaration(source, open);
    if (skipped >= 0) {
      at = skipped;
      continue;
    }
    const tag = readTag(source, open);
    if (tag === null) {
      if (dropped === null) out.add('<');
      at = open + 1;
      continue;
    }
    at = tag.end;
    const { name, closing } = tag;
    if (!closing && !tag.selfClosing && RAW.has(name)) {
      const end = rawEnds.find(name, at);
      if (name === 'title' && title === null)
        title = decodeEntities(source.slice(at, end)).replace(/\s+/g, ' ').trim();
      if (name === 'xmp' && dropped === null) out.add(source.slice(at, end));
      at = readTag(source, end)?.end ?? source.length;
      continue;
    }
    if (dropped !== null) {
      if (name === dropped.name) dropped.depth += closing ? -1 : tag.selfClosing ? 0 : 1;
      // A head without its end tag ends where the body begins.
      if (dropped.depth === 0 || (dropped.name === 'head' && name === 'body')) dropped = null;
      continue;
    }
    if (DROPPED.has(name)) {
      if (!closing && !tag.selfClosing) dropped = { name, depth: 1 };
      continue;
    }
    const level = HEADING.exec(name)?.[1];
    if (level !== undefined) out.setHeading(closing ? 0 : Number(level));
    else if (BLOCK_ELEMENTS.has(name)) out.breakLine();
  }
  out.breakLine();
  const first = out.blocks.find((block) => block.kind === 'heading');
  return { title: title || (first?.text ?? null), blocks: out.blocks };
}
