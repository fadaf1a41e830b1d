/** Title and abstract of PubMed's articles, out of efetch's XML. Workers and Node have no XML parser; these documents need none. */
import { decodeEntities } from '../documents/entities';
import type { Passage } from '../../protocol/retrieval';

/** Passages by their PubMed id. */
export function pubMedArticles(xml: string): Map<string, Passage> {
  const articles = new Map<string, Passage>();
  for (const name of ['PubmedArticle', 'PubmedBookArticle']) {
    for (const { content } of elements(xml, name)) {
      const id = plain(elements(content, 'PMID')[0]?.content ?? '');
      const title = elements(content, 'ArticleTitle')[0] ?? elements(content, 'BookTitle')[0];
      const vernacular = elements(content, 'VernacularTitle')[0];
      const abstract = elements(content, 'Abstract')[0]?.content ?? '';
      const text = elements(abstract, 'AbstractText')
        .map(({ content: part, attributes }) => {
          const label = /\bLabel="([^"]*)"/.exec(attributes)?.[1];
          return (label === undefined ? '' : `${plain(label)}: `) + plain(part);
        })
        .join(' ');
      if (id === '') continue;
      articles.set(id, { id, title: plain(title?.content ?? '') || plain(vernacular?.content ?? ''), text });
    }
  }
  return articles;
}

/** The elements of this name, none inside another; linear in the length of the document. */
function elements(xml: string, name: string): { content: string; attributes: string }[] {
  const found: { content: string; attributes: string }[] = [];
  const [open, close] = [`<${name}`, `</${name}>`];
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    const after = xml[at + open.length] ?? '';
    const tagEnd = xml.indexOf('>', at);
    if (tagEnd < 0) break;
    at += open.length;
    if (!/[\s/>]/.test(after)) continue; // a longer name
    if (xml[tagEnd - 1] === '/') continue; // empty
    const end = xml.indexOf(close, tagEnd);
    if (end < 0) break;
    const attributes = xml.slice(at, tagEnd);
    found.push({ content: xml.slice(tagEnd + 1, end), attributes });
    at = end + close.length;
  }
  return found;
}

/** Text without markup (`<i>`, `<sup>`, MathML), blanks collapsed. */
const plain = (xml: string): string =>
  decodeEntities(xml.replace(/<[^>]*>/g, ''))
    .replace(/\s+/g, ' ')
    .trim();
