import { AppError } from '../protocol/errors';
import type { Backend } from './backend';
import { CountingBackend, countingTrainingOperations } from './counting-backend';
import { CpuBackend } from './cpu/backend';
import { cpuTrainingOperations } from './cpu/training/operations';
import type { TrainingOperations } from './training';
import { WebGpuBackend } from './webgpu/backend';
import { gpuTrainingOperations } from './webgpu/training/operations';

/** The training operations on a backend's tensors. They are apart from the backend, so that inference does not load them. */
export function trainingOperations(backend: Backend): TrainingOperations {
  if (backend instanceof CpuBackend) return cpuTrainingOperations(backend.kernels);
  if (backend instanceof WebGpuBackend) {
    return gpuTrainingOperations(backend.context, () => backend.extent(1));
  }
  if (backend instanceof CountingBackend) return countingTrainingOperations();
  throw new AppError('UNSUPPORTED', `Training is not possible on ${backend.description.name}.`, {
    fix: 'Train on the CPU.',
  });
}
