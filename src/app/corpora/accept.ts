/** Endings that a picker of documents offers. */
export const ACCEPT =
  '.jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.md,.markdown,.mdown,.txt,.text,.html,.htm,.xhtml,.pdf';
