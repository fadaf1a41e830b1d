/**
 * Reads transcripts in the original's text form (its `response_str`, or Search-R1-like logs with the same tags) into
 * windows. Our own runs never take this road: they keep windows as data. Two defects of the original's pattern are repaired
 * here: titles with parentheses or quotes, and blocks whose closing tag was cut off.
 */
import type { ShownDocument } from '../protocol/trace';
import { idsOf, tagContents } from './action';
import { ANCHOR } from './prompts';
import { WindowLog, type ContextVariant, type ObservationWindow } from './windows';

const BLOCK_OPEN = '<information>';
const BLOCK_CLOSE = '</information>';
/** What can follow a block that lost its closing tag. */
const BLOCK_END =
  /<\/information>|<information>|<important_info>|<search_complete>|<query>|<think>|<\|im_end\|>/g;
const DOCUMENT_HEADER = /(?:^|\n)[^\S\n]*Doc\s*(\d+)\s*\(\s*Title\s*:[^\S\n]*/gi;
const MAX_TITLE_CHARACTERS = 1000;

/** The windows of a transcript with their selections; `buildContext` makes the generator's context of them. */
export function parseTranscript(
  transcript: string,
  variant: ContextVariant = 's3',
): readonly ObservationWindow[] {
  const text = afterAnchor(transcript);
  const log = new WindowLog({ variant, maxId: variant === 'mirage' ? 19 : 8, maxSelected: Infinity });
  let turn = 0;
  for (let at = 0; ;) {
    const start = text.indexOf(BLOCK_OPEN, at);
    const between = text.slice(at, start < 0 ? text.length : start);
    for (const content of tagContents(between, 'important_info')) log.select(idsOf(content));
    if (start < 0) return log.windows;
    const bodyStart = start + BLOCK_OPEN.length;
    BLOCK_END.lastIndex = bodyStart;
    const end = BLOCK_END.exec(text);
    const bodyEnd = end?.index ?? text.length;
    log.show(turn, parseDocuments(text.slice(bodyStart, bodyEnd), `${turn}`));
    turn++;
    at = end?.[0] === BLOCK_CLOSE ? bodyEnd + BLOCK_CLOSE.length : bodyEnd;
  }
}

/** The prompt's worked example has blocks too; where the anchor was cut off, the question's options end the instructions. */
function afterAnchor(transcript: string): string {
  for (const mark of [ANCHOR, 'Options:']) {
    const at = transcript.indexOf(mark);
    if (at >= 0) return transcript.slice(at + mark.length);
  }
  return transcript;
}

/** The documents of one block, with made-up ids `window-number`. A header counts at the start of a line, where the environment writes it. */
export function parseDocuments(block: string, window = '0'): ShownDocument[] {
  const headers = [...block.matchAll(DOCUMENT_HEADER)];
  return headers.flatMap((header, i) => {
    const bodyStart = header.index + header[0].length;
    const body = block.slice(bodyStart, headers[i + 1]?.index ?? block.length);
    const end = titleEnd(body);
    if (end < 0) return [];
    const title = body
      .slice(0, end)
      .trim()
      .replace(/^"(.*)"$/s, '$1');
    const number = Number(header[1]);
    return [{ number, passageId: `${window}-${number}`, title, text: body.slice(end + 1).trim(), score: 0 }];
  });
}

/** Where the parenthesis of `(Title: …)` closes: after the quote that matches an opening one, else where parentheses balance. */
function titleEnd(body: string): number {
  const line = body.slice(0, MAX_TITLE_CHARACTERS).split('\n', 1)[0] ?? '';
  if (line.startsWith('"')) {
    const quoted = line.search(/"\)(?=\s|$)/);
    if (quoted > 0) return quoted + 1;
  }
  let depth = 0;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '(') depth++;
    else if (line[i] === ')' && depth-- === 0) return i;
  }
  return line.indexOf(')');
}
