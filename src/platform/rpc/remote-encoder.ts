import { proxy, type Remote } from 'comlink';
import type { EncoderServiceApi } from '../../protocol/encoder';
import type { OnProgress } from '../../protocol/retrieval';

const crossing = (onProgress: OnProgress | undefined): (OnProgress & object) | undefined =>
  onProgress && proxy(onProgress);

/** The encoder worker as everything else sees it: callbacks are wrapped so that they cross. */
export function remoteEncoderService(remote: Remote<EncoderServiceApi>): EncoderServiceApi {
  return {
    options: () => remote.options(),
    measure: (request, signal) => remote.measure(request, signal),
    load: (request, onProgress, signal) => remote.load(request, crossing(onProgress), signal),
    embedQueries: (request, texts, signal) => remote.embedQueries(request, texts, signal),
    embedPassages: (request, passages, onProgress, signal) =>
      remote.embedPassages(request, passages, crossing(onProgress), signal),
  };
}
