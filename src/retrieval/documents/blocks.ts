/** The form that Markdown, HTML and PDF come down to before they are cut: headings and running text, in order. */
export type Block = { kind: 'heading'; level: number; text: string } | { kind: 'text'; text: string };

export interface Section {
  /** `Document › Heading › Subheading`. */
  title: string;
  text: string;
}

const SEPARATOR = ' › ';

/** A section per heading that has text under it; titles carry the headings above. */
export function toSections(blocks: Iterable<Block>, documentTitle: string): Section[] {
  const sections: Section[] = [];
  const path: { level: number; text: string }[] = [];
  let texts: string[] = [];
  const flush = (): void => {
    const text = texts.join('\n\n').trim();
    texts = [];
    if (text === '') return;
    const headings = path.map((heading) => heading.text);
    // A document usually repeats its title as the first heading.
    if (headings[0] !== documentTitle) headings.unshift(documentTitle);
    sections.push({ title: headings.filter((heading) => heading !== '').join(SEPARATOR), text });
  };
  for (const block of blocks) {
    if (block.kind === 'text') {
      texts.push(block.text);
      continue;
    }
    flush();
    while ((path.at(-1)?.level ?? 0) >= block.level) path.pop();
    path.push({ level: block.level, text: block.text.replace(/\s+/g, ' ').trim() });
  }
  flush();
  return sections;
}

/** The title of a document without one: its file's name, without folder and ending. */
export function titleOfFile(name: string): string {
  const base = name.split('/').at(-1) ?? name;
  return base.replace(/\.gz$/i, '').replace(/\.[^.]+$/, '') || base;
}
