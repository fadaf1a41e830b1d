/** PubMed's E-utilities and the API of ClinicalTrials.gov on a loopback port, over a handful of made-up articles and trials. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface MedicalServer {
  readonly url: string;
  /** Path and parameters of every request. */
  readonly requests: URL[];
  /** The next requests are answered so. */
  readonly failures: { status: number; body?: string; headers?: Record<string, string> }[];
  close(): Promise<void>;
}

const article = (id: string): string => `<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM">
<PMID Version="1">${id}</PMID><Article PubModel="Print"><Journal><Title>A journal</Title></Journal>
<ArticleTitle>Effects of drug&#160;${id} on <i>E.&nbsp;coli</i> &amp; more.</ArticleTitle>
<Abstract><AbstractText Label="AIM &amp; SCOPE" NlmCategory="OBJECTIVE">To see whether p &lt; 0.05.</AbstractText>
<AbstractText>It was <sup>14</sup>C in
trial ${id}.</AbstractText><CopyrightInformation>©</CopyrightInformation></Abstract></Article></MedlineCitation>
<PubmedData><ReferenceList><Reference><ArticleIdList><ArticleId IdType="pubmed">99</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData></PubmedArticle>`;

const book = (id: string): string =>
  `<PubmedBookArticle><BookDocument><PMID Version="1">${id}</PMID><Book><BookTitle book="b">A book</BookTitle></Book><ArticleTitle/></BookDocument></PubmedBookArticle>`;

/** @param ids what every search finds, best first */
export async function startMedicalServer(ids: readonly string[]): Promise<MedicalServer> {
  const requests: URL[] = [];
  const failures: MedicalServer['failures'] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    requests.push(url);
    const send = (body: string, type: string): void => {
      response.writeHead(200, { 'content-type': type }).end(body);
    };
    const failure = failures.shift();
    const of = (name: string): string => url.searchParams.get(name) ?? '';
    if (failure) response.writeHead(failure.status, failure.headers).end(failure.body ?? 'Later');
    else if (url.pathname === '/esearch.fcgi') {
      const found = of('term') === 'nothing' ? [] : ids.slice(0, Number(of('retmax')));
      const result = { count: String(ids.length), retmax: of('retmax'), retstart: '0', idlist: found };
      const wrong = of('term') === '((' ? { ERROR: 'Search Backend failed' } : result;
      send(
        JSON.stringify({ header: { type: 'esearch', version: '0.3' }, esearchresult: wrong }),
        'application/json',
      );
    } else if (url.pathname === '/efetch.fcgi') {
      const articles = of('id')
        .split(',')
        .map((id) => (id.startsWith('9') ? book(id) : article(id)));
      send(
        `<?xml version="1.0" ?><!DOCTYPE PubmedArticleSet><PubmedArticleSet>${articles.join('\n')}</PubmedArticleSet>`,
        'text/xml',
      );
    } else if (url.pathname === '/studies') {
      const [from, size] = [Number(of('pageToken') || 0), Number(of('pageSize'))];
      const studies = ids.slice(from, from + size).map((id) => ({
        protocolSection: {
          identificationModule: { nctId: `NCT${id}`, briefTitle: `Trial ${id}` },
          ...(id !== '2' && { descriptionModule: { briefSummary: `About ${id}.` } }),
        },
      }));
      const next = from + size < ids.length ? { nextPageToken: String(from + size) } : {};
      send(JSON.stringify({ studies, ...next }), 'application/json');
    } else if (url.pathname !== '/silence') response.writeHead(404).end('Nothing here');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, requests, failures },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
