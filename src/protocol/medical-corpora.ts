/** Public services that DeepRetrieval learned to search (arXiv 2503.00223), by the names that a run's `corpus` has for them. */
export const MEDICAL_CORPORA = ['pubmed', 'clinical-trials'] as const;
export type MedicalCorpus = (typeof MEDICAL_CORPORA)[number];

export const isMedicalCorpus = (corpus: string): corpus is MedicalCorpus =>
  MEDICAL_CORPORA.some((known) => known === corpus);
