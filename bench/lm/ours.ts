import type { Backend } from '../../src/gpu/backend';
import { loadModel } from '../../src/lm/engine';
import type { Contender } from './contender';
import type { BenchModel } from './model';

/** This project's engine, as the pages and the command line use it. The backend is the contender's from here on. */
export async function openOurs(model: BenchModel, backend: Backend, capacity: number): Promise<Contender> {
  const { json: config, source, weights } = model;
  const lm = await loadModel({ backend, config, source, weights, maxContext: capacity });
  return {
    name: backend.description.kind === 'cpu' ? 's3-web, CPU backend' : 's3-web',
    logits: async (tokens) => {
      lm.resetCache();
      return (await lm.prefill(tokens)).logits;
    },
    appendLogits: (token) => lm.decode(token),
    generate: async (prompt, newTokens) => {
      lm.resetCache();
      return lm.generateTokens({ tokens: prompt, maxNewTokens: newTokens, sampling: { temperature: 0 } });
    },
    dispose: () => {
      lm.dispose();
      backend.dispose();
      return Promise.resolve();
    },
  };
}
