/** Builds the backward products, a dispatch for each shard of the weight or of its gradient. */
import type { Operation } from '../../backend';
import type { InputGradientArguments, WeightGradientArguments } from '../../training';
import { checkInputGradient, checkWeightGradient } from '../../training-checks';
import { GpuOperation, makeDispatch, type OperationContext } from '../dispatch';
import { readerStorage, SCALE_FUNCTION, weightReader } from '../kernels/weight-code';
import { weightType } from '../linear-operations';
import { gpuTensor } from '../tensor';
import { read, write } from './bindings';
import { productGradientKernel, productWorkgroups } from './product-gradient';

export function linearInputGradient(context: OperationContext, a: InputGradientArguments): Operation {
  const { inputs, stride, outputColumn, scale } = checkInputGradient(a);
  const type = weightType(a.weight);
  const [from, to] = [gpuTensor(a.outputGradient).buffer, gpuTensor(a.inputGradient).buffer];
  const dispatches = gpuTensor(a.weight).shards.map(({ buffer, scales, firstRow, rows }, shard) => {
    const kernel = productGradientKernel(
      {
        name: `input-gradient-${type}`,
        bindings: [
          ...[read('outputGradient', 'f32'), write('result', 'f32')],
          ...[read('weight', readerStorage(type)), ...(scales ? [read('scales', 'u32')] : [])],
        ],
        readers: `
${type === 'f32' ? '' : SCALE_FUNCTION}
${weightReader(type, inputs, 'b_at', 'weight', 'scales')}
fn a_at(m: u32, k: u32) -> f32 { return outputGradient[m * ${stride}u + ${outputColumn + firstRow}u + k]; }`,
        ...{ fast: 'k', m: 'rows', n: inputs, k: rows, scale },
        // The sums over a weight's shards add up in the result.
        accumulate: shard > 0 || (a.accumulate ?? false),
      },
      context.tuning,
    );
    const buffers = [from, to, buffer, ...(scales ? [scales] : [])];
    return makeDispatch(context, kernel, a.rows, buffers, (count) =>
      productWorkgroups(inputs, count, context.tuning),
    );
  });
  return new GpuOperation('linearInputGradient', a.rows, () => dispatches);
}

export function linearWeightGradient(context: OperationContext, a: WeightGradientArguments): Operation {
  const { inputs, stride, outputColumn, scale } = checkWeightGradient(a);
  const [input, from] = [gpuTensor(a.input).buffer, gpuTensor(a.outputGradient).buffer];
  const dispatches = gpuTensor(a.weightGradient).shards.map(({ buffer, firstRow, rows }) => {
    const kernel = productGradientKernel(
      {
        name: 'weight-gradient',
        bindings: [read('outputGradient', 'f32'), write('result', 'f32'), read('input', 'f32')],
        readers: `
fn a_at(m: u32, k: u32) -> f32 { return outputGradient[k * ${stride}u + ${outputColumn + firstRow}u + m]; }
fn b_at(k: u32, n: u32) -> f32 { return input[k * ${inputs}u + n]; }`,
        ...{ fast: 'm', m: rows, n: inputs, k: 'rows', scale, accumulate: true },
      },
      context.tuning,
    );
    return makeDispatch(context, kernel, a.rows, [from, buffer, input], () =>
      productWorkgroups(inputs, rows, context.tuning),
    );
  });
  return new GpuOperation('linearWeightGradient', a.rows, () => dispatches);
}
