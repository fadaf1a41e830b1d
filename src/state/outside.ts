/** A host that a run would talk to, and why: for a model, for a search, or for the files of an index that is read where it lies. */
export interface Outside {
  role: 'searcher' | 'generator' | 'corpus' | 'pack';
  host: string;
}
