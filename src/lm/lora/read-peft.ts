/** Reads a PEFT adapter: `adapter_config.json` and `adapter_model.safetensors`. */
import { AppError, throwIfAborted } from '../../protocol/errors';
import type { ByteSource } from '../byte-source';
import type { ModelConfig } from '../config';
import { FLOAT_BYTES, widen, type FloatFormat } from '../floats';
import { openSafetensors, type TensorEntry } from '../safetensors';
import type { LoraAdapter, LoraPair } from './adapter';
import { isPathEnd, parseAdapterConfig, type AdapterConfig } from './adapter-config';
import { LORA_MODULES, modulePath, moduleShape, parseModulePath, type LoraModule } from './modules';

export interface ReadPeftOptions {
  /** Parsed `adapter_config.json`. */
  config: unknown;
  /** `adapter_model.safetensors` */
  source: ByteSource;
  /** Of the model that the adapter is for. */
  model: ModelConfig;
  signal?: AbortSignal;
}

const OTHER_MODEL = 'Check that the adapter was made for this model: its adapter_config.json names the base.';

function fail(code: 'BAD_INPUT' | 'UNSUPPORTED' | 'INTEGRITY', message: string, fix = OTHER_MODEL): never {
  throw new AppError(code, message, { fix });
}

interface Found {
  layer: number;
  module: LoraModule;
  down?: TensorEntry;
  up?: TensorEntry;
}

/** Written with the adapter's name (`lora_A.default.weight`) while training, without it by `save_pretrained`. */
const TENSOR_NAME = /^base_model\.model\.(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/;

function findPairs(tensors: ReadonlyMap<string, TensorEntry>, model: ModelConfig): Map<string, Found> {
  const pairs = new Map<string, Found>();
  const adapters = new Set<string>();
  for (const [name, entry] of tensors) {
    const shown = name.slice(0, 200);
    if (/lora_magnitude_vector/.test(name)) fail('UNSUPPORTED', `${shown} belongs to a DoRA adapter.`);
    const [, path = '', side, adapter = ''] = TENSOR_NAME.exec(name) ?? [];
    const found = parseModulePath(path);
    if (!found)
      fail('UNSUPPORTED', `The adapter changes ${shown}, which is not a linear layer of a decoder layer.`);
    if (found.layer >= model.layers) {
      fail('BAD_INPUT', `The adapter has a layer ${found.layer}; the model has ${model.layers} layers.`);
    }
    adapters.add(adapter);
    if (adapters.size > 1)
      fail('BAD_INPUT', 'The file holds several adapters.', 'Save each in a file of its own.');
    const key = modulePath(found.layer, found.module);
    const pair: Found = pairs.get(key) ?? found;
    pairs.set(key, pair);
    if (side === 'A') pair.down = entry;
    else pair.up = entry;
  }
  return pairs;
}

/** A file cut short by whoever made it would leave out layers; PEFT lists what must be there. */
function checkComplete(pairs: ReadonlyMap<string, Found>, config: AdapterConfig, model: ModelConfig): void {
  if (pairs.size === 0) fail('BAD_INPUT', 'The adapter has no tensors.', 'Fetch it again.');
  if (!config.targets) return;
  const paths = Array.from({ length: model.layers }, (_, layer) =>
    LORA_MODULES.map((module) => modulePath(layer, module)),
  ).flat();
  for (const target of config.targets) {
    const named = paths.filter((path) => isPathEnd(path, target));
    if (named.length === 0) {
      fail(
        'UNSUPPORTED',
        `The adapter is for ${target.slice(0, 80)}, which is not a linear layer of a decoder layer.`,
      );
    }
    const missing = named.find((path) => !pairs.has(path));
    if (config.everyLayer && missing !== undefined) {
      fail('BAD_INPUT', `The adapter lacks tensors of ${missing}, which adapter_config.json promises.`);
    }
  }
}

async function readMatrix(
  entry: TensorEntry | undefined,
  name: string,
  wanted: readonly [number, number],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  if (!entry) return fail('BAD_INPUT', `The adapter has no ${name}.`);
  const { dtype, shape, source, offset, bytes } = entry;
  if (!isFloat(dtype))
    return fail('UNSUPPORTED', `${name} is of type ${dtype}; only F32, F16 and BF16 can be read.`);
  if (shape.join() !== wanted.join()) {
    fail('BAD_INPUT', `${name} is [${shape.join(', ')}] where [${wanted.join(', ')}] is needed.`);
  }
  throwIfAborted(signal);
  const values = widen(await source.read(offset, bytes, signal), dtype);
  if (!values.every(Number.isFinite)) {
    fail(
      'INTEGRITY',
      `${name} holds values that are not numbers.`,
      'Fetch the adapter again, or train it anew.',
    );
  }
  return values;
}

const isFloat = (dtype: string): dtype is FloatFormat => Object.hasOwn(FLOAT_BYTES, dtype);

/**
 * The adapter as pairs of f32 matrices, checked against the model.
 * @throws AppError BAD_INPUT (does not fit the model or its own config), UNSUPPORTED (more than LoRA on the seven linears, by
 *   name), INTEGRITY (damaged), ABORTED
 */
export async function readPeftAdapter({
  config: json,
  source,
  model,
  signal,
}: ReadPeftOptions): Promise<LoraAdapter> {
  const config = parseAdapterConfig(json);
  const found = findPairs((await openSafetensors(source, signal)).tensors, model);
  checkComplete(found, config, model);
  const pairs: LoraPair[] = [];
  for (const [path, { layer, module, down, up }] of found) {
    const { inputs, outputs } = moduleShape(model, module);
    const rank = config.rankOf(path);
    pairs.push({
      ...{ layer, module, rank, alpha: config.alphaOf(path) },
      down: await readMatrix(down, `${path}.lora_A`, [rank, inputs], signal),
      up: await readMatrix(up, `${path}.lora_B`, [outputs, rank], signal),
    });
  }
  const order = ({ layer, module }: LoraPair): number =>
    layer * LORA_MODULES.length + LORA_MODULES.indexOf(module);
  pairs.sort((a, b) => order(a) - order(b));
  return { rankStabilised: config.rankStabilised, baseModel: config.baseModel, pairs };
}
