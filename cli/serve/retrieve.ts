/** `/retrieve`: the API of the retrieval servers of s3 and Search-R1. */
import * as v from 'valibot';
import type { Hit, Retriever } from '../../src/protocol/retrieval';
import { toContents } from '../../src/retrieval/passage-text';
import { sendJson, type Route } from './http-server';
import { parseBody, readJson } from './request-body';

const MAX_QUERIES = 512;
const MAX_TOP_K = 1000;

const schema = v.looseObject({
  queries: v.pipe(v.array(v.pipe(v.string(), v.maxLength(100_000))), v.maxLength(MAX_QUERIES)),
  topk: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_TOP_K))),
  return_scores: v.nullish(v.boolean(), false),
});

/** A corpus row with all columns that the original's programs read. */
const documentOf = ({ passage }: Hit): Record<string, unknown> => {
  const { id, title, text, metadata } = passage;
  return { ...metadata, id, title, text, contents: toContents(passage) };
};

/** `topK`: for requests that name none. */
export function retrieveRoute(retriever: Retriever, topK: number): Route {
  return {
    method: 'POST',
    path: '/retrieve',
    async handle(exchange) {
      const body = parseBody(schema, await readJson(exchange));
      const { queries, topk, return_scores: withScores } = body;
      const lists = await retriever.search(queries, topk ?? topK, exchange.signal);
      const result = lists.map((hits) =>
        hits.map((hit) => (withScores ? { document: documentOf(hit), score: hit.score } : documentOf(hit))),
      );
      sendJson(exchange.response, 200, { result });
    },
  };
}
