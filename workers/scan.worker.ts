/** A thread of the vector search: scans a stretch of rows that lie in a memory shared with the retrieval worker. */
import { scanServer, type ScanRequest } from '../src/retrieval/dense/wasm/threads';

const serve = scanServer((answer) => postMessage(answer));
addEventListener('message', ({ data }: MessageEvent<ScanRequest>) => void serve(data));
