import type { ModelFiles } from '../lm/local-model';
import { AppError } from '../protocol/errors';
import type { ModelStore } from '../protocol/model-library';
import type { Sha256 } from './model-folder';

/** A stored model as the engine takes it. @throws AppError NOT_FOUND, INTEGRITY, UNSUPPORTED, ABORTED */
export function readStoredModel(
  _store: ModelStore,
  id: string,
  _sha256: Sha256,
  _signal?: AbortSignal,
): Promise<ModelFiles> {
  return Promise.reject(new AppError('UNSUPPORTED', `The stored model ${id} cannot be read yet.`));
}
