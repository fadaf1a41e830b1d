/** The public services that DeepRetrieval learned to search (arXiv 2503.00223), as corpora of a run. */
import type { RetryPolicy } from '../../generate/retry';
import type { Clock, Fetch } from '../../protocol/clock';
import type { MedicalCorpus } from '../../protocol/medical-corpora';
import type { Retriever } from '../../protocol/retrieval';
import { ClinicalTrialsRetriever } from './clinical-trials';
import { PubMedRetriever } from './pubmed';

export interface MedicalOptions {
  fetch: Fetch;
  clock: Clock;
  /** NCBI's, for PubMed; asked for at every request, and kept by whoever gives it. */
  apiKey?: (() => string | undefined) | undefined;
  /** Instead of the services themselves: mirrors, and tests. */
  addresses?: Partial<Record<MedicalCorpus, string | undefined>> | undefined;
  retries?: RetryPolicy | undefined;
}

/** Searches in the service's own way: a mode of retrieval does not apply. */
export function openMedicalCorpus(corpus: MedicalCorpus, options: MedicalOptions): Retriever {
  const { fetch, clock, apiKey, addresses, retries } = options;
  const parts = { fetch, clock, retries, baseUrl: addresses?.[corpus] };
  return corpus === 'pubmed' ? new PubMedRetriever({ ...parts, apiKey }) : new ClinicalTrialsRetriever(parts);
}
