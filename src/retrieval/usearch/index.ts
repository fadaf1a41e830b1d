export { defaultEf, HNSW_DEFAULTS, HnswIndex, type HnswOptions } from './hnsw-index';
export { checkUsearchFile, readUsearchHead, type UsearchHead } from './usearch-file';
