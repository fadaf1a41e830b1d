import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { cacheShape, KINDS, pastName, presentName, type AttentionForm } from '../onnx/attention';
import { decoderGraph } from '../onnx/decoder';
import type { Contender } from './contender';
import type { BenchModel } from './model';

/** The part of `onnxruntime-node` that is used; it has the types of `onnxruntime-web`. */
interface Runtime {
  InferenceSession: typeof InferenceSession;
  Tensor: typeof Tensor;
}

type Tensors = Record<string, Tensor>;

/** How ONNX Runtime is used; the forms differ in speed and, on some adapters, in whether the results are right. */
export interface PeerForm {
  name: string;
  attention: AttentionForm;
  /** Most tokens of a prompt that one run takes. */
  promptStep: number;
}

export const PEER_FORMS: readonly PeerForm[] = [
  { name: 'fused attention', attention: 'fused', promptStep: Infinity },
  // From 32 tokens on, the fused operator has a kernel of its own for prompts.
  { name: 'fused attention, prompts by 31', attention: 'fused', promptStep: 31 },
  { name: 'plain attention', attention: 'plain', promptStep: Infinity },
];

async function importRuntime(): Promise<Runtime> {
  // By a variable, since the package is installed by the benchmarks alone and the type checker must not look for it.
  const name = 'onnxruntime-node';
  const module = (await import(name)) as Runtime | { default: Runtime };
  return 'default' in module ? module.default : module;
}

/** The same weights in ONNX Runtime's WebGPU provider; the cache stays on the device. */
export async function openOnnxRuntime(
  model: BenchModel,
  form: PeerForm,
  capacity: number,
): Promise<Contender> {
  const runtime = await importRuntime();
  const { config } = model;
  const caches = Array.from({ length: config.layers }, (_, layer) =>
    KINDS.map((kind) => ({ kind, past: pastName(layer, kind), present: presentName(layer, kind) })),
  ).flat();
  const { weights } = model;
  const graph = decoderGraph(model, { attention: form.attention, capacity, weights });
  const open = (logits: 'cpu' | 'gpu-buffer'): Promise<InferenceSession> => {
    const location: Record<string, 'cpu' | 'gpu-buffer'> = { logits, next: 'cpu' };
    for (const { present } of caches) location[present] = 'gpu-buffer';
    return runtime.InferenceSession.create(graph, {
      // Without Dawn's checks of every command, which our engine runs with.
      executionProviders: [{ name: 'webgpu', validationMode: 'disabled' }],
      preferredOutputLocation: location,
      graphOptimizationLevel: 'all',
      // Warnings tell of shape computations that are left to the CPU, which is meant to be so.
      logSeverityLevel: 3,
    });
  };
  const timed = await open('gpu-buffer');
  const checked = await open('cpu');

  let past: Tensors = {};
  let length = 0;
  const dispose = (tensors: Tensors): void => {
    for (const tensor of Object.values(tensors)) if (tensor.location === 'gpu-buffer') tensor.dispose();
  };
  const forget = (): void => {
    dispose(past);
    length = 0;
    past = Object.fromEntries(
      caches.map(({ kind, past: name }) => [
        name,
        new runtime.Tensor('float32', new Float32Array(0), cacheShape(form.attention, kind, config, 0)),
      ]),
    );
  };
  const run = async (session: InferenceSession, tokens: readonly number[]): Promise<Tensors> => {
    const total = length + tokens.length;
    const feeds: Tensors = {
      ...past,
      tokens: new runtime.Tensor('int32', Int32Array.from(tokens), [1, tokens.length]),
      ...(form.attention === 'fused'
        ? {
            last_position: new runtime.Tensor('int32', Int32Array.of(total - 1), [1]),
            total: new runtime.Tensor('int32', Int32Array.of(total), [1]),
          }
        : {
            positions: new runtime.Tensor('int64', countFrom(length, tokens.length), [1, tokens.length]),
            mask: new runtime.Tensor('float32', ...maskOf(length, tokens.length)),
          }),
    };
    const outputs: Tensors = await session.run(feeds);
    dispose(past);
    past = {};
    for (const cache of caches) past[cache.past] = get(outputs, cache.present);
    length = total;
    return outputs;
  };
  const extend = async (session: InferenceSession, tokens: readonly number[]): Promise<Tensors> => {
    for (let from = 0; ; from += form.promptStep) {
      const part = tokens.slice(from, from + form.promptStep);
      const outputs = await run(session, part);
      if (from + part.length >= tokens.length) return outputs;
      if (outputs['logits']?.location === 'gpu-buffer') outputs['logits'].dispose();
    }
  };
  const logits = (outputs: Tensors): Float32Array => get(outputs, 'logits').data as Float32Array;
  const next = async (tokens: readonly number[]): Promise<number> => {
    const outputs = await extend(timed, tokens);
    get(outputs, 'logits').dispose();
    return Number((get(outputs, 'next').data as BigInt64Array)[0]);
  };
  return {
    name: `ONNX Runtime, ${form.name}`,
    logits: async (tokens) => {
      forget();
      return logits(await extend(checked, tokens));
    },
    appendLogits: async (token) => logits(await run(checked, [token])),
    generate: async (prompt, newTokens) => {
      forget();
      const started = performance.now();
      const tokens = [await next(prompt)];
      const prefilled = performance.now();
      while (tokens.length < newTokens) tokens.push(await next(tokens.slice(-1)));
      return { tokens, prefillMs: prefilled - started, decodeMs: performance.now() - prefilled };
    },
    dispose: async () => {
      dispose(past);
      past = {};
      await timed.release();
      await checked.release();
    },
  };
}

function get(tensors: Tensors, name: string): Tensor {
  const tensor = tensors[name];
  if (!tensor) throw new Error(`ONNX Runtime gave no ${name}.`);
  return tensor;
}

const countFrom = (first: number, count: number): BigInt64Array =>
  BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i));

/** What is added to the scores: row i of the new tokens sees `past + i + 1` positions. One row needs no mask. */
function maskOf(past: number, rows: number): [Float32Array, number[]] {
  if (rows === 1) return [new Float32Array(1), [1, 1, 1, 1]];
  const columns = past + rows;
  const mask = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1)
    mask.fill(-1e30, row * columns + past + row + 1, (row + 1) * columns);
  return [mask, [1, 1, rows, columns]];
}
