/**
 * PubMed through NCBI's E-utilities (NBK25499), as DeepRetrieval searches it: esearch for ids, efetch for titles and abstracts. Unlike
 * its code, queries are encoded, results keep their order, and a failure is an error and not an empty list.
 */
import * as v from 'valibot';
import type { RetryPolicy } from '../../generate/retry';
import type { Clock, Fetch } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type { Hit, Passage, Retriever } from '../../protocol/retrieval';
import { requireTopK } from '../hits';
import { PoliteClient, RecentMap } from './polite-client';
import { pubMedArticles } from './pubmed-articles';

export interface PubMedOptions {
  fetch: Fetch;
  clock: Clock;
  /** Kept in memory by whoever gives it; asked for at every request, so that it can change. */
  apiKey?: (() => string | undefined) | undefined;
  /** With which NCBI can reach the user, as it asks for. */
  email?: string | undefined;
  /** Only what was published until then: `YYYY/MM/DD`. Keeps a review that is being reproduced out of its own results. */
  publishedUntil?: string | undefined;
  /** Default `relevance`, PubMed's best match; `date`: newest first, as DeepRetrieval's code gets them. */
  sort?: 'relevance' | 'date' | undefined;
  /** Of the first so many results, title and abstract are fetched; the others are ids alone. */
  texts?: number | undefined;
  /** For tests and mirrors. */
  baseUrl?: string | undefined;
  retries?: RetryPolicy | undefined;
}

const BASE_URL = 'https://eutils.ncbi.nlm.nih.gov/entrez/eutils';
/** NCBI allows three requests a second, ten with a key. */
const INTERVAL_MS = { withKey: 110, without: 350 };
/** esearch gives out no more than these of PubMed. */
const MOST_IDS = 9_999;
const IDS_PER_FETCH = 200;
const DEFAULT_TEXTS = 200;
const KEPT = { searches: 500, passages: 5_000 };

const SearchResult = v.object({
  esearchresult: v.looseObject({
    idlist: v.optional(v.array(v.string())),
    ERROR: v.optional(v.string()),
  }),
});

export class PubMedRetriever implements Retriever {
  readonly #options: PubMedOptions;
  readonly #client: PoliteClient;
  readonly #searches = new RecentMap<readonly string[]>(KEPT.searches);
  readonly #passages = new RecentMap<Passage>(KEPT.passages);

  constructor(options: PubMedOptions) {
    this.#options = options;
    const { fetch, clock, apiKey, retries } = options;
    this.#client = new PoliteClient({
      ...{ fetch, clock, retries, name: 'PubMed', secret: apiKey },
      intervalMs: () => ((apiKey?.() ?? '') === '' ? INTERVAL_MS.without : INTERVAL_MS.withKey),
    });
  }

  /** Scores are reciprocal ranks: the service gives none. */
  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    requireTopK(topK);
    return Promise.all(queries.map((query) => this.#searchOne(query.trim(), topK, signal)));
  }

  async #searchOne(query: string, topK: number, signal: AbortSignal | undefined): Promise<Hit[]> {
    const ids = await this.#ids(query, Math.min(topK, MOST_IDS), signal);
    const { texts = DEFAULT_TEXTS } = this.#options;
    const passages = await this.#articles(ids.slice(0, texts), signal);
    return ids.map((id, i) => ({
      passage: passages.get(id) ?? { id, title: '', text: '' },
      ...{ score: 1 / (i + 1), rank: i + 1 },
    }));
  }

  async #ids(query: string, most: number, signal: AbortSignal | undefined): Promise<readonly string[]> {
    if (query === '') return [];
    const key = `${most} ${query}`;
    const known = this.#searches.get(key);
    if (known) return known;
    const { publishedUntil, sort = 'relevance' } = this.#options;
    const url = this.#url('esearch', {
      ...{
        term: query,
        retmode: 'json',
        retmax: String(most),
        sort: sort === 'date' ? 'pub_date' : 'relevance',
      },
      ...(publishedUntil !== undefined && {
        ...{ datetype: 'pdat', mindate: '1970/01/01', maxdate: publishedUntil },
      }),
    });
    const read = v.safeParse(SearchResult, await this.#client.json(url, signal));
    const { idlist = [], ERROR } = read.success ? read.output.esearchresult : { ERROR: 'no list of results' };
    if (ERROR !== undefined) {
      throw new AppError('BAD_RESPONSE', `PubMed could not search: ${ERROR.slice(0, 200)}`, {
        fix: 'Check the query, and try again.',
        recoverable: true,
      });
    }
    const ids = [...new Set(idlist)].slice(0, most);
    this.#searches.set(key, ids);
    return ids;
  }

  async #articles(ids: readonly string[], signal: AbortSignal | undefined): Promise<Map<string, Passage>> {
    const found = new Map<string, Passage>();
    const missing = ids.filter((id) => {
      const passage = this.#passages.get(id);
      if (passage) found.set(id, passage);
      return !passage;
    });
    for (let from = 0; from < missing.length; from += IDS_PER_FETCH) {
      const part = missing.slice(from, from + IDS_PER_FETCH);
      const url = this.#url('efetch', { id: part.join(','), retmode: 'xml' });
      for (const [id, passage] of pubMedArticles(await this.#client.text(url, signal))) {
        found.set(id, passage);
        this.#passages.set(id, passage);
      }
    }
    return found;
  }

  #url(utility: 'esearch' | 'efetch', parameters: Record<string, string>): string {
    const { baseUrl = BASE_URL, apiKey, email } = this.#options;
    const key = apiKey?.() ?? '';
    const search = new URLSearchParams({
      ...{ db: 'pubmed', tool: 's3-web' },
      ...parameters,
      ...(email !== undefined && { email }),
      ...(key !== '' && { api_key: key }),
    });
    return `${baseUrl}/${utility}.fcgi?${search.toString()}`;
  }
}
