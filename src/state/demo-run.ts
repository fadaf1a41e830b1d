/** The recorded run that made the demo's trained searcher; it lies beside the model, compressed. */
import { AppError } from '../protocol/errors';
import type { Fetch } from '../protocol/clock';

/** Of the adapter in the registry, and of its folder. */
export const DEMO_PPO = 'demo-ppo';

const GZIP = [0x1f, 0x8b];

/** @throws AppError NOT_FOUND, NETWORK; what it holds is checked by whoever imports it */
export async function fetchDemoRun(fetch: Fetch, modelsUrl: string): Promise<Blob> {
  let file: Blob;
  try {
    const response = await fetch(`${modelsUrl}${DEMO_PPO}/run.s3run.gz`);
    if (!response.ok) {
      throw new AppError('NOT_FOUND', `The demo’s run is not there (${response.status}).`, {
        fix: 'Reload the page.',
        recoverable: true,
      });
    }
    file = await response.blob();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('NETWORK', 'The demo’s run could not be fetched: the connection failed.', {
      fix: 'Check the connection and try again.',
      recoverable: true,
      cause,
    });
  }
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  // Some hosts say of such files that they are encoded, and the browser has unpacked them already.
  if (!GZIP.every((byte, i) => head[i] === byte)) return file;
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).blob();
}
