import { WebGpuBackend } from '../../src/gpu/webgpu/backend';
import type { OpenedDevice } from '../../src/gpu/webgpu/device';
import { loadModel } from '../../src/lm/engine';
import type { Contender } from './contender';
import type { BenchModel } from './model';

/** This project's engine, as the pages and the command line use it. The device is the contender's from here on. */
export async function openOurs(
  model: BenchModel,
  opened: OpenedDevice,
  capacity: number,
): Promise<Contender> {
  const backend = new WebGpuBackend(opened.device, { description: opened.description });
  const lm = await loadModel({ backend, config: model.json, source: model.source, maxContext: capacity });
  return {
    name: 's3-web',
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
