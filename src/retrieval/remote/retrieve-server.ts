/** `POST /retrieve` of s3, Search-R1 and `s3 serve`: what it searches by, and in what, its own side knows. */
import * as v from 'valibot';
import { requireTopK } from '../hits';
import type { Hit, Passage, Retriever } from '../../protocol/retrieval';
import { fromContents } from '../passage-text';
import type { RemoteClient } from './remote-client';
import { hashTerm } from './sparse-terms';

const Row = v.looseObject({
  id: v.optional(v.union([v.string(), v.number()])),
  title: v.optional(v.string()),
  text: v.optional(v.string()),
  contents: v.optional(v.string()),
});
const Scored = v.object({ document: Row, score: v.number() });
const Answer = v.object({ result: v.array(v.array(v.union([Scored, Row]))) });

/** Columns of the row that are no metadata. */
const OWN = new Set(['id', 'title', 'text', 'contents', 'document', 'score']);

function passageOf(row: v.InferOutput<typeof Row>): Passage {
  const split = fromContents(row.contents ?? '');
  const title = row.title ?? split.title;
  const text = row.text ?? split.text;
  const metadata = Object.fromEntries(Object.entries(row).filter(([name]) => !OWN.has(name)));
  return {
    // Rows of some corpora carry none; the same text is the same passage.
    id: String(row.id ?? `text-${hashTerm(`${title}\n${text}`).toString(16)}`),
    title,
    text,
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

/** Queries that go by one request; `s3 serve` takes 512. */
const BATCH = 128;

export class RetrieveServer implements Retriever {
  readonly #client: RemoteClient;

  constructor(client: RemoteClient) {
    this.#client = client;
  }

  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    requireTopK(topK);
    const results: Hit[][] = [];
    for (let at = 0; at < queries.length; at += BATCH) {
      const some = queries.slice(at, at + BATCH);
      // Without scores the handler of s3 fails: it takes a pair apart that is none.
      const body = { queries: some, topk: topK, return_scores: true };
      const { result } = await this.#client.send('POST', '/retrieve', body, Answer, signal);
      some.forEach((_, i) => results.push((result[i] ?? []).slice(0, topK).map(hitOf)));
    }
    return results;
  }
}

const hitOf = (row: v.InferOutput<typeof Scored> | v.InferOutput<typeof Row>, i: number): Hit => {
  const scored = v.safeParse(Scored, row);
  return scored.success
    ? { passage: passageOf(scored.output.document), score: scored.output.score, rank: i + 1 }
    : { passage: passageOf(v.parse(Row, row)), score: 0, rank: i + 1 };
};
