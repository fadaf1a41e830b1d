/** The exact search on WebGPU beside the one in WebAssembly: bytes of rows moved over time, and from how many vectors on it is the faster one. */
import { openDevice } from '../../src/gpu/webgpu/device';
import { openNodeGpu } from '../../src/platform/node/webgpu';
import { emptyByteRows, WasmIndex, WebGpuIndex, type DenseIndex } from '../../src/retrieval/dense';
import { digits, summarise, table } from '../statistics';

const DIMENSIONS = 384;

/** By the clock, one query after the other; codes are random: what they are takes no part in the time. */
export async function compareWebGpu(
  sizes: readonly number[],
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const opened = await openDevice(await openNodeGpu());
  if (!opened) {
    print('There is no WebGPU adapter, so WebGPU is left out.');
    return;
  }
  const { device, description } = opened;
  const query = Float32Array.from({ length: DIMENSIONS }, (_, i) => Math.sin(i));
  const lines: string[][] = [];
  for (const count of sizes) {
    const rows = emptyByteRows(count, new Float32Array(DIMENSIONS));
    for (let i = 0; i < rows.codes.length; i += 1) rows.codes[i] = (i * 2_654_435_761) >>> 24;
    rows.scales.fill(0.001);
    const wasm = WasmIndex.open(rows);
    const gpu = await WebGpuIndex.open(device, rows);
    const time = async (index: DenseIndex): Promise<number> => {
      const start = performance.now();
      await index.search([query], 10);
      return performance.now() - start;
    };
    const [there, here]: [number[], number[]] = [[], []];
    for (let round = -2; round < rounds; round += 1) {
      const [gpuMs, wasmMs] = [await time(gpu), await time(wasm)];
      // The first ones compile.
      if (round >= 0) [there, here].forEach((list, i) => list.push(i === 0 ? gpuMs : wasmMs));
    }
    gpu.dispose();
    const [best, wasmBest] = [Math.min(...there), Math.min(...here)];
    const ratio = summarise(there.map((ms, round) => (here[round] ?? NaN) / ms)).median;
    const speed = digits((count * DIMENSIONS) / best / 1e6);
    lines.push([String(count), digits(best), speed, digits(wasmBest), `${digits(ratio)}×`]);
  }
  device.destroy();
  print(`\n### WebGPU, int8 rows of ${DIMENSIONS}, one query, on ${description.name}\n`);
  const header = ['vectors', 'WebGPU, ms, best', 'GB/s', 'WASM, ms, best', 'WASM ÷ WebGPU, by rounds'];
  print(table(header, lines));
}
