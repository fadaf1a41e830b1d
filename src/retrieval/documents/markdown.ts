/** Markdown as text with headings: enough of CommonMark to find its structure, not to render it. Every step is linear. */
import type { Block } from './blocks';
import { decodeEntities } from './entities';

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const ATX_HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const SETEXT = /^ {0,3}(=+|-+)[ \t]*$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const MARKER = /^\s*(?:>[ \t]?|[-*+][ \t]+|\d{1,9}[.)][ \t]+)+/;
const REFERENCE = /^ {0,3}\[[^\]\n]{1,200}\]:[ \t]*\S+/;
const FRONT_MATTER_TITLE = /^title:(.*)$/m;
const QUOTED = /^(["'])(.*)\1$/;

function withoutComments(text: string): string {
  let result = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf('<!--', at);
    const end = start < 0 ? -1 : text.indexOf('-->', start + 4);
    if (end < 0) return result + text.slice(at);
    result += text.slice(at, start);
    at = end + 3;
  }
}

/** Inline markup off, words kept: link and image texts stay, addresses go. */
export function plainInline(text: string): string {
  return decodeEntities(
    withoutComments(text)
      .replace(/!?\[([^[\]]{0,1000})\]\([^()\s]{0,2000}(?:\s+"[^"]{0,500}")?\)/g, '$1')
      .replace(/!?\[([^[\]]{0,1000})\]\[[^[\]]{0,200}\]/g, '$1')
      .replace(/<(https?:\/\/[^<>\s]{1,2000})>/g, '$1')
      .replace(/<\/?[a-zA-Z][^<>]{0,1000}>/g, ' ')
      .replace(/(\*\*|__|~~|`+)(?=\S)|(?<=\S)(\*\*|__|~~|`+)/g, '')
      .replace(/(?<![\w*\\])\*(?=\S)|(?<=[^\s\\])\*(?![\w*])|(?<![\w\\])_(?=\S)|(?<=[^\s\\])_(?!\w)/g, '')
      .replace(/\\([!-/:-@[-`{-~])/g, '$1'),
  );
}

function takeFrontMatter(lines: readonly string[]): { title: string | null; end: number } {
  if (lines[0]?.trimEnd() !== '---') return { title: null, end: 0 };
  const close = lines.findIndex((line, i) => i > 0 && /^(---|\.\.\.)\s*$/.test(line));
  if (close < 0) return { title: null, end: 0 };
  const value = FRONT_MATTER_TITLE.exec(lines.slice(1, close).join('\n'))?.[1]?.trim() ?? '';
  return { title: (QUOTED.exec(value)?.[2] ?? value) || null, end: close + 1 };
}

export interface ParsedDocument {
  /** `null` where the document names none. */
  title: string | null;
  blocks: Block[];
}

/** The title is that of the front matter, else the first heading of level 1. */
export function parseMarkdown(source: string): ParsedDocument {
  const lines = source.split(/\r\n|\n|\r/);
  const { title, end } = takeFrontMatter(lines);
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  let fence: string | null = null;
  const flush = (): void => {
    const text = plainInline(paragraph.join('\n')).trim();
    if (text !== '') blocks.push({ kind: 'text', text });
    paragraph = [];
  };
  const heading = (level: number, text: string): void => {
    flush();
    blocks.push({ kind: 'heading', level, text: plainInline(text).trim() });
  };
  for (const line of lines.slice(end)) {
    const mark = FENCE.exec(line)?.[1];
    if (fence !== null) {
      // Code is text that somebody may look for; only its fence goes.
      if (mark?.startsWith(fence)) {
        flush();
        fence = null;
      } else paragraph.push(line);
      continue;
    }
    if (mark !== undefined) {
      flush();
      fence = mark;
      continue;
    }
    const atx = ATX_HEADING.exec(line);
    const level = atx?.[1]?.length;
    if (level !== undefined) {
      heading(level, (atx?.[2] ?? '').replace(/(?:^|[ \t])#+[ \t]*$/, ''));
      continue;
    }
    const underline = SETEXT.exec(line)?.[1];
    if (underline !== undefined && paragraph.length > 0) {
      const text = paragraph.join(' ');
      paragraph = [];
      heading(underline.startsWith('=') ? 1 : 2, text);
      continue;
    }
    if (line.trim() === '' || RULE.test(line)) {
      flush();
      continue;
    }
    if (REFERENCE.test(line)) continue;
    const bare = line.replace(MARKER, '');
    // An item of a list is a paragraph of its own.
    if (bare !== line) flush();
    paragraph.push(bare.trim());
  }
  flush();
  const first = blocks.find((block) => block.kind === 'heading');
  return { title: title ?? (first?.kind === 'heading' && first.level === 1 ? first.text : null), blocks };
}
