/** ClinicalTrials.gov through version 2 of its API, as DeepRetrieval searches it: the query over all fields, ids of trials as results. */
import * as v from 'valibot';
import type { RetryPolicy } from '../../generate/retry';
import type { Clock, Fetch } from '../../protocol/clock';
import { AppError } from '../../protocol/errors';
import type { Hit, Passage, Retriever } from '../../protocol/retrieval';
import { requireTopK } from '../hits';
import { PoliteClient, RecentMap } from './polite-client';

export interface ClinicalTrialsOptions {
  fetch: Fetch;
  clock: Clock;
  /** For tests and mirrors. */
  baseUrl?: string | undefined;
  retries?: RetryPolicy | undefined;
}

const BASE_URL = 'https://clinicaltrials.gov/api/v2';
/** About fifty requests a minute are welcome. */
const INTERVAL_MS = 1_200;
const PAGE = 1_000;
const KEPT_SEARCHES = 200;

const Studies = v.object({
  studies: v.array(
    v.looseObject({
      protocolSection: v.looseObject({
        identificationModule: v.looseObject({
          nctId: v.string(),
          briefTitle: v.optional(v.string(), ''),
        }),
        descriptionModule: v.optional(v.looseObject({ briefSummary: v.optional(v.string(), '') })),
      }),
    }),
  ),
  nextPageToken: v.optional(v.string()),
});

export class ClinicalTrialsRetriever implements Retriever {
  readonly #baseUrl: string;
  readonly #client: PoliteClient;
  readonly #searches = new RecentMap<readonly Passage[]>(KEPT_SEARCHES);

  constructor({ fetch, clock, baseUrl = BASE_URL, retries }: ClinicalTrialsOptions) {
    this.#baseUrl = baseUrl;
    const name = 'ClinicalTrials.gov';
    this.#client = new PoliteClient({ fetch, clock, retries, name, intervalMs: () => INTERVAL_MS });
  }

  /** Scores are reciprocal ranks: the service gives none. */
  async search(queries: readonly string[], topK: number, signal?: AbortSignal): Promise<Hit[][]> {
    requireTopK(topK);
    const lists = queries.map(async (query) => {
      const trials = await this.#trials(query.trim(), topK, signal);
      return trials.map((passage, i) => ({ passage, score: 1 / (i + 1), rank: i + 1 }));
    });
    return Promise.all(lists);
  }

  async #trials(query: string, most: number, signal: AbortSignal | undefined): Promise<readonly Passage[]> {
    if (query === '') return [];
    const key = `${most} ${query}`;
    const known = this.#searches.get(key);
    if (known) return known;
    const found = new Map<string, Passage>();
    for (let page: string | undefined = ''; page !== undefined && found.size < most;) {
      const next = await this.#page(query, Math.min(PAGE, most), page, signal);
      for (const passage of next.passages) found.set(passage.id, passage);
      page = next.passages.length > 0 ? next.token : undefined;
    }
    const trials = [...found.values()].slice(0, most);
    this.#searches.set(key, trials);
    return trials;
  }

  async #page(
    query: string,
    pageSize: number,
    token: string,
    signal: AbortSignal | undefined,
  ): Promise<{ passages: Passage[]; token: string | undefined }> {
    const parameters = new URLSearchParams({
      ...{ 'query.term': query, pageSize: String(pageSize), format: 'json' },
      fields: 'NCTId,BriefTitle,BriefSummary',
      ...(token !== '' && { pageToken: token }),
    });
    const answer = await this.#client.json(`${this.#baseUrl}/studies?${parameters.toString()}`, signal);
    const read = v.safeParse(Studies, answer);
    if (!read.success) {
      throw new AppError('BAD_RESPONSE', 'ClinicalTrials.gov answered with something else than studies.', {
        fix: 'Try again; if it happens every time, the service has changed.',
      });
    }
    const passages = read.output.studies.map(({ protocolSection }): Passage => {
      const { nctId, briefTitle } = protocolSection.identificationModule;
      return { id: nctId, title: briefTitle, text: protocolSection.descriptionModule?.briefSummary ?? '' };
    });
    return { passages, token: read.output.nextPageToken };
  }
}
