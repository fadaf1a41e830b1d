import type { Retriever } from '../../src/protocol/retrieval';
import { completionRoutes, type NamedModel } from './completions';
import {
  sendJson,
  startHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type Route,
} from './http-server';
import { retrieveRoute } from './retrieve';

export interface ServeOptions extends Omit<HttpServerOptions, 'routes'> {
  /** Undefined: no completions. */
  model?: NamedModel | undefined;
  /** Undefined: no `/retrieve`. */
  corpus?: { retriever: Retriever; name: string; mode: string } | undefined;
  /** Hits for `/retrieve` requests that name no number. */
  topK: number;
}

/** The OpenAI-compatible API over a model, and the retrieval API over a corpus. */
export function startServer({ model, corpus, topK, ...options }: ServeOptions): Promise<HttpServer> {
  const health = {
    status: 'ok',
    ...(model && { model: model.id, max_model_len: model.model.maxContext }),
    ...(corpus && { corpus: corpus.name, retrieval: corpus.mode }),
  };
  const routes: Route[] = [
    // Open: it tells no more than that the server runs, and what it was told on its own command line.
    { method: 'GET', path: '/health', open: true, handle: ({ response }) => sendJson(response, 200, health) },
    ...(model ? completionRoutes(model, Date.now()) : []),
    ...(corpus ? [retrieveRoute(corpus.retriever, topK)] : []),
  ];
  return startHttpServer({ ...options, routes });
}
