/** Merges an adapter into the weights that it was trained on: W + s·B·A. */
import { AppError } from '../../protocol/errors';
import { floatsOf, rowLength, type Checkpoint, type StoredTensor } from '../checkpoint';
import { loraScale, type LoraAdapter, type LoraPair } from './adapter';
import { modulePath } from './modules';

/** Adds rows `firstRow …` of s·B·A to as many rows of the weight, `[rows, in]`, in place. */
export function mergeRows(rows: Float32Array, firstRow: number, pair: LoraPair, scale: number): void {
  const { rank, down, up } = pair;
  const inputs = down.length / rank;
  const count = rows.length / inputs;
  for (let row = 0; row < count; row += 1) {
    const at = row * inputs;
    for (let k = 0; k < rank; k += 1) {
      const factor = scale * up[(firstRow + row) * rank + k]!;
      const from = k * inputs;
      for (let i = 0; i < inputs; i += 1) rows[at + i]! += factor * down[from + i]!;
    }
  }
}

function mergedTensor(tensor: StoredTensor, pair: LoraPair, scale: number): StoredTensor {
  const { name, shape } = tensor;
  return {
    ...{ name, shape, format: 'F32' },
    bytes: 4 * (shape[0] ?? 1) * rowLength(shape),
    readRows: async (first, count, signal) => {
      // A copy: the checkpoint's rows may lie in a buffer of its own.
      const values = Float32Array.from(floatsOf(await tensor.readRows(first, count, signal)));
      mergeRows(values, first, pair, scale);
      return { kind: 'floats', values };
    },
  };
}

/**
 * The checkpoint with the adapter merged in as its rows are read; tensors that the adapter leaves alone are the same.
 * @throws AppError BAD_INPUT where a tensor is missing or has another shape
 */
export function mergedCheckpoint(checkpoint: Checkpoint, adapter: LoraAdapter): Checkpoint {
  const tensors = new Map(checkpoint.tensors);
  for (const pair of adapter.pairs) {
    const name = `${modulePath(pair.layer, pair.module)}.weight`;
    const tensor = tensors.get(name);
    if (tensor?.shape[1] !== pair.down.length / pair.rank || tensor.shape[0] !== pair.up.length / pair.rank) {
      throw new AppError('BAD_INPUT', `The adapter does not fit ${name} of this checkpoint.`, {
        fix: 'Check that the adapter was made for this model.',
      });
    }
    tensors.set(name, mergedTensor(tensor, pair, loraScale(adapter, pair)));
  }
  return { tensors };
}
