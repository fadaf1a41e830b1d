import type { Backend } from '../../src/gpu/backend';
import { openSafetensorsCheckpoint } from '../../src/lm/safetensors';
import { loadWeights } from '../../src/lm/weights';
import { packSequences } from '../../src/train/graph/batch';
import { AdapterParameters, readParameters } from '../../src/train/graph/parameters';
import { TrainingTrunk } from '../../src/train/graph/trunk';
import { AdamW } from '../../src/train/optimiser';
import type { BenchModel } from '../lm/model';
import type { Task, Trainer } from './trainer';

export interface OurTrainer extends Trainer {
  readonly liveBytes: number;
}

/** The trainer's trunk and optimiser. Every layer keeps its activations, as jax-js does. The backend is the trainer's from here on. */
export async function openOurTrainer(model: BenchModel, backend: Backend, task: Task): Promise<OurTrainer> {
  const { config, source } = model;
  const checkpoint = await openSafetensorsCheckpoint([source]);
  const weights = await loadWeights(backend, (...of) => backend.tensor(...of), config, checkpoint, {
    weights: model.weights,
  });
  const count = task.tokens.length;
  const trunk = new TrainingTrunk(backend, config, weights, {
    ...{ rows: count, sequences: 1, capacity: count, headRows: 1, keepLayers: true },
  });
  const adapter = new AdapterParameters(backend, config, task.adapter);
  const { parameters } = adapter;
  const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, gradientClip: Infinity };
  const optimiser = new AdamW(backend, trunk.train, parameters, options);
  const program = trunk.program({ adapter });
  await backend.ready();
  const batch = packSequences([task.tokens]);
  const backward = async (): Promise<void> => {
    await optimiser.clearGradients();
    await trunk.forward(program, batch);
    backend.write(trunk.activations.gradients.residual, task.outputGradient);
    await trunk.backward(program);
  };
  return {
    name: 's3-web',
    get liveBytes() {
      return backend.liveBytes;
    },
    step: async () => {
      await backward();
      await optimiser.step(task.learningRate);
      // A read-back is the sign that all is done.
      await readParameters(backend, parameters.slice(0, 1), 'value');
    },
    gradients: async () => {
      await backward();
      return readParameters(backend, parameters, 'gradient');
    },
    dispose: () => backend.dispose(),
  };
}
