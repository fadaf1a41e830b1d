/** An input's gradient against the forward product through the same weight: multiplications are as many. */
import type { Backend, Operation } from '../../src/gpu/backend';
import { quantise } from '../../src/gpu/blocks';
import { trainingOperations } from '../../src/gpu/training-for';
import { Random } from '../../src/lm/random';
import { spread, summarise, table } from '../statistics';

/** Rows and columns of Qwen2.5-0.5B's weights, gate and up as one. */
const WEIGHTS: [string, number, number][] = [
  ['q, k, v', 1152, 896],
  ['attention output', 896, 896],
  ['gate, up', 9728, 896],
  ['down', 896, 4864],
];

export async function compareProducts(
  backend: Backend,
  { rows: count, rounds, print }: { rows: number; rounds: number; print: (line: string) => void },
): Promise<void> {
  const random = new Random(5);
  const train = trainingOperations(backend);
  const rows = backend.extent(count);
  rows.value = count;
  const floats = (...shape: number[]): ReturnType<Backend['tensor']> => {
    const tensor = backend.tensor('floats', shape);
    const length = shape.reduce((product, size) => product * size, 1);
    backend.write(
      tensor,
      Float32Array.from({ length }, () => random.uniform() - 0.5),
    );
    return tensor;
  };
  const sign = floats(4);
  const time = async (operation: Operation): Promise<number> => {
    const started = performance.now();
    await backend.run([operation], [{ tensor: sign, count: 4 }]);
    return performance.now() - started;
  };
  const lines: string[][] = [];
  for (const [name, outputs, inputs] of WEIGHTS) {
    const weight = backend.tensor(name, [outputs, inputs], 'q4');
    const values = Float32Array.from({ length: outputs * inputs }, () => random.uniform() - 0.5);
    backend.writeBlocks(weight, quantise('q4', values));
    const [input, output] = [floats(count, inputs), floats(count, outputs)];
    const forward = backend.operations.linear({ rows, input, weight, output });
    const backward = train.linearInputGradient({
      ...{ rows, outputGradient: output, weight, inputGradient: input },
    });
    await backend.ready();
    const times: { forward: number; backward: number }[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const one = { forward: await time(forward), backward: await time(backward) };
      // The first run compiles.
      if (round >= 0) times.push(one);
    }
    const of = (pick: (one: (typeof times)[number]) => number): string => spread(summarise(times.map(pick)));
    lines.push([
      `${name}, ${outputs} × ${inputs}`,
      of((one) => one.forward),
      of((one) => one.backward),
      `**${of((one) => one.forward / one.backward)}**`,
    ]);
    for (const tensor of [weight, input, output]) tensor.dispose();
  }
  train.dispose();
  rows.dispose();
  print(`\nThrough weights in 4 bits, ${count} rows; milliseconds.\n`);
  print(table(['weight', 'forward', 'gradient of the input', 'rate ÷ forward'], lines));
}
