import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMedicalServer, type MedicalServer } from '../../../tests/servers/medical-servers';
import type { Clock } from '../../protocol/clock';
import { throwIfAborted } from '../../protocol/errors';
import { ClinicalTrialsRetriever } from './clinical-trials';
import { PoliteClient } from './polite-client';
import { PubMedRetriever, type PubMedOptions } from './pubmed';
import { pubMedArticles } from './pubmed-articles';

/** Waits by moving its hands. */
class QuickClock implements Clock {
  at = 0;
  readonly slept: number[] = [];
  now(): number {
    return this.at;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const until = this.at + ms;
    await Promise.resolve();
    throwIfAborted(signal);
    this.slept.push(ms);
    this.at = Math.max(this.at, until);
  }
}

let server: MedicalServer;
let clock: QuickClock;
beforeEach(async () => {
  server = await startMedicalServer(['1', '2', '3', '90', '1']);
  clock = new QuickClock();
});
afterEach(() => server.close());

const pubMed = (options: Partial<PubMedOptions> = {}): PubMedRetriever =>
  new PubMedRetriever({ fetch: (url, init) => fetch(url, init), clock, baseUrl: server.url, ...options });

const asked = (at: number): Record<string, string> =>
  Object.fromEntries(server.requests[at]?.searchParams ?? []);

describe('PubMed', () => {
  it('gives titles and abstracts in the order of the search, each article once', async () => {
    const [hits] = await pubMed().search(['drug AND trial'], 10);
    expect(hits?.map(({ passage, rank }) => [passage.id, rank])).toEqual([
      ['1', 1],
      ['2', 2],
      ['3', 3],
      ['90', 4],
    ]);
    expect(hits?.[0]).toEqual({
      passage: {
        id: '1',
        title: 'Effects of drug 1 on E. coli & more.',
        text: 'AIM & SCOPE: To see whether p < 0.05. It was 14C in trial 1.',
      },
      ...{ score: 1, rank: 1 },
    });
    expect(hits?.[3]?.passage).toEqual({ id: '90', title: 'A book', text: '' });
  });

  it('sends the query as it is, whatever signs it holds', async () => {
    await pubMed().search(['"a&b" #1 + c[ti] AND 100%'], 2);
    expect(asked(0)).toEqual({
      ...{ db: 'pubmed', tool: 's3-web', term: '"a&b" #1 + c[ti] AND 100%' },
      ...{ retmode: 'json', retmax: '2', sort: 'relevance' },
    });
    expect(asked(1)).toEqual({ db: 'pubmed', tool: 's3-web', id: '1,2', retmode: 'xml' });
  });

  it('finds nothing later than the day it is given, and says who asks', async () => {
    await pubMed({ publishedUntil: '2019/05/01', sort: 'date', email: 'a@b.c' }).search(['x'], 1);
    expect(asked(0)).toMatchObject({
      ...{ datetype: 'pdat', mindate: '1970/01/01', maxdate: '2019/05/01', sort: 'pub_date', email: 'a@b.c' },
    });
  });

  it('gives ids alone beyond the articles that are to be read', async () => {
    const [hits] = await pubMed({ texts: 1 }).search(['x'], 3000);
    expect(hits?.map(({ passage }) => passage.title !== '')).toEqual([true, false, false, false]);
    expect(asked(0).retmax).toBe('3000');
    expect(asked(1).id).toBe('1');
  });

  it('asks three times a second, ten times with a key, however many queries come at once', async () => {
    await pubMed({ texts: 0 }).search(['a', 'b', 'c', 'd'], 2);
    expect(clock.at).toBeGreaterThanOrEqual(1000);
    clock = new QuickClock();
    await pubMed({ texts: 0, apiKey: () => 'key' }).search(['a', 'b', 'c', 'd'], 2);
    expect(clock.at).toBeGreaterThanOrEqual(300);
    expect(clock.at).toBeLessThan(400);
  });

  it('does not ask for the same twice', async () => {
    const retriever = pubMed();
    const first = await retriever.search(['a'], 3);
    expect(await retriever.search([' a '], 3)).toEqual(first);
    await retriever.search(['b'], 2);
    expect(server.requests.map(({ pathname }) => pathname)).toEqual([
      '/esearch.fcgi',
      '/efetch.fcgi',
      '/esearch.fcgi',
    ]);
  });

  it('has no results for an empty query or one that matches nothing', async () => {
    expect(await pubMed().search(['', 'nothing'], 5)).toEqual([[], []]);
    expect(server.requests).toHaveLength(1);
  });

  it('tries again when it was too fast or the service fails, as long as it was told to wait', async () => {
    server.failures.push({ status: 429, headers: { 'retry-after': '7' } }, { status: 502 });
    const [hits] = await pubMed().search(['a'], 1);
    expect(hits).toHaveLength(1);
    expect(clock.slept).toContain(7000);
  });

  it('gives up in the end, and says so without the key', async () => {
    server.failures.push(
      ...Array.from({ length: 4 }, () => ({ status: 429, body: '{"api-key":"s3cret","count":"11"}' })),
    );
    const failed = pubMed({ apiKey: () => 's3cret' }).search(['a'], 1);
    await expect(failed).rejects.toMatchObject({ code: 'RATE_LIMITED', recoverable: true });
    await expect(failed).rejects.toThrow(/^PubMed answered 429: (?!.*s3cret)/);
  });

  it.each([
    [{ status: 400, body: '{"error":"API key invalid"}' }, 'AUTH'],
    [{ status: 414 }, 'BAD_INPUT'],
  ])('does not try again after %j', async (failure, code) => {
    server.failures.push(failure);
    await expect(pubMed().search(['a'], 1)).rejects.toMatchObject({ code });
    expect(server.requests).toHaveLength(1);
  });

  it('tells a search that failed from one that found nothing', async () => {
    await expect(pubMed().search(['(('], 1)).rejects.toThrow('Search Backend failed');
  });

  it('stops when told to', async () => {
    await expect(pubMed().search(['a'], 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(server.requests).toEqual([]);
  });

  it('says when nobody answers', async () => {
    await server.close();
    const retries = { retries: 1, baseMs: 1, maxMs: 1, maxRetryAfterMs: 1 };
    await expect(pubMed({ retries }).search(['a'], 1)).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('reads documents that are cut or empty as far as they go', () => {
    expect(pubMedArticles('')).toEqual(new Map());
    expect(pubMedArticles('<PubmedArticle><PMID>1</PMID>').size).toBe(0);
    expect(pubMedArticles('<PubmedArticle><PMID>1</PMID><ArticleTitle>T').size).toBe(0);
    expect(pubMedArticles('<PubmedArticle></PubmedArticle><PubmedArticleSet>').size).toBe(0);
  });
});

describe('ClinicalTrials.gov', () => {
  const trials = (): ClinicalTrialsRetriever =>
    new ClinicalTrialsRetriever({ fetch: (url, init) => fetch(url, init), clock, baseUrl: server.url });

  it('gives trials with their summaries', async () => {
    const [hits] = await trials().search(['a & b'], 2);
    expect(hits).toEqual([
      { passage: { id: 'NCT1', title: 'Trial 1', text: 'About 1.' }, score: 1, rank: 1 },
      { passage: { id: 'NCT2', title: 'Trial 2', text: '' }, score: 0.5, rank: 2 },
    ]);
    expect(asked(0)).toEqual({
      ...{ 'query.term': 'a & b', pageSize: '2', format: 'json', fields: 'NCTId,BriefTitle,BriefSummary' },
    });
  });

  it('goes from page to page, and not faster than is welcome', async () => {
    await server.close();
    server = await startMedicalServer(Array.from({ length: 2100 }, (_, i) => String(i)));
    const [hits] = await trials().search(['a'], 3000);
    expect(hits).toHaveLength(2100);
    expect(server.requests).toHaveLength(3);
    expect(clock.at).toBeGreaterThanOrEqual(2400);
  });

  it('does not take something else for studies', async () => {
    server.failures.push({ status: 200, body: '{"studies": 1}' });
    await expect(trials().search(['a'], 1)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });
});

describe('a polite client', () => {
  it('refuses answers without end, and gives up on those that do not come', async () => {
    const options = {
      fetch: (url: string, init?: RequestInit) => fetch(url, init),
      clock,
      name: 'It',
      intervalMs: () => 0,
    };
    const tight = new PoliteClient({ ...options, maxBytes: 10 });
    await expect(tight.text(`${server.url}/studies?pageSize=5`)).rejects.toThrow(
      'It answered with more than 10 bytes.',
    );
    const retries = { retries: 0, baseMs: 1, maxMs: 1, maxRetryAfterMs: 1 };
    const hurried = new PoliteClient({ ...options, timeoutMs: 50, retries });
    await expect(hurried.text(`${server.url}/silence`)).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(new PoliteClient(options).json(`${server.url}/efetch.fcgi?id=1`)).rejects.toThrow(
      'did not answer with JSON',
    );
  });
});
