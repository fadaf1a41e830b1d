import { proxy, type Remote } from 'comlink';
import type { GenerateEvent } from '../../protocol/language-model';
import type { TextGenerationWorkerApi } from '../../protocol/text-generation-worker';
import { throwIfAborted } from '../../protocol/errors';
import { readRemote } from './remote-language-model';

/** The worker of text generation as everything else sees it: callbacks cross, and readers hear when the worker is lost. */
export function remoteTextGeneration(
  remote: Remote<TextGenerationWorkerApi>,
  lost?: AbortSignal,
): TextGenerationWorkerApi {
  return {
    measure: (request, signal) => remote.measure(request, signal),
    load: (request, onProgress, signal) => remote.load(request, onProgress && proxy(onProgress), signal),
    async *generate(request, signal): AsyncGenerator<GenerateEvent> {
      throwIfAborted(signal);
      yield* readRemote(() => remote.generate(request, signal), { lost, signal });
    },
    countTokens: (texts) => remote.countTokens(texts),
    unload: () => remote.unload(),
  };
}
