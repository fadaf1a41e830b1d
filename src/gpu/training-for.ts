import { AppError } from '../protocol/errors';
import type { Backend } from './backend';
import { CpuBackend } from './cpu/backend';
import { cpuTrainingOperations } from './cpu/training/operations';
import type { TrainingOperations } from './training';

/** The training operations on a backend's tensors. They are apart from the backend, so that inference does not load them. */
export function trainingOperations(backend: Backend): TrainingOperations {
  if (backend instanceof CpuBackend) return cpuTrainingOperations();
  throw new AppError('UNSUPPORTED', `Training is not possible on ${backend.description.name}.`, {
    fix: 'Train on the CPU.',
  });
}
