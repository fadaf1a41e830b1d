import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldensFolder, readJson, readTensors } from '../../../tests/goldens/read-tensors';
import { SMALL_QWEN, tensorsOf, valueAt, type ShapeConfig } from '../../../tests/models/made-checkpoint';
import {
  GGML,
  ggufMetadata,
  ggufName,
  interleaveHeads,
  madeGguf,
  type MadeTensor,
  type MadeValue,
} from '../../../tests/models/made-gguf';
import { MemorySink } from '../../../tests/models/memory-sink';
import { quantise, type BlockType } from '../../gpu/blocks';
import { CpuBackend } from '../../gpu/cpu/backend';
import { toHalves } from '../../gpu/half';
import { bytesSource } from '../byte-source';
import { floatsOf } from '../checkpoint';
import { openSafetensorsCheckpoint } from '../safetensors';
import { loadModel } from '../engine';
import { FilesSource } from '../import/files-source';
import { importModel } from '../import/import-model';
import { modelFilesOf, openModel } from '../import/open-model';
import { rotaryFrequencies } from '../rope';
import { parseModelConfig } from '../config';
import { openGgufModel } from './gguf-checkpoint';

type Config = ShapeConfig & { max_position_embeddings: number; rms_norm_eps: number; rope_theta: number };
const bytesOf = (values: Float32Array | Uint16Array): Uint8Array => new Uint8Array(values.buffer);

/** Our blocks in GGML's order: each scale before its values. */
function ggmlBlocks(type: BlockType, floats: Float32Array): Uint8Array {
  const { values, scales } = quantise(type, floats);
  const size = values.length / scales.length;
  const out = new Uint8Array(values.length + 2 * scales.length);
  scales.forEach((scale, group) => {
    const at = group * (size + 2);
    out.set([scale & 255, scale >> 8], at);
    out.set(values.subarray(group * size, (group + 1) * size), at + 2);
  });
  return out;
}

function encode(type: keyof typeof GGML, floats: Float32Array): Uint8Array {
  if (type === 'F32') return bytesOf(floats);
  if (type === 'F16') return bytesOf(toHalves(floats));
  if (type === 'Q8_0' || type === 'Q4_0') return ggmlBlocks(type === 'Q8_0' ? 'q8' : 'q4', floats);
  if (type === 'BF16') {
    const words = new Uint16Array(floats.buffer);
    return bytesOf(Uint16Array.from({ length: floats.length }, (_, i) => words[2 * i + 1]!));
  }
  // Any bytes will do: a scale of 2⁻⁶ and noise.
  const [size, values] = type === 'Q4_K' ? [144, 256] : [210, 256];
  const bytes = Uint8Array.from({ length: (floats.length / values) * size }, (_, i) => (i * 151) >> 3);
  for (let at = 0; at < bytes.length; at += size) bytes.set([0, 0x10], type === 'Q4_K' ? at : at + 208);
  if (type === 'Q4_K') for (let at = 0; at < bytes.length; at += size) bytes.set([0, 0x08], at + 2);
  return bytes;
}

function made(
  config: Config,
  typeOf: (name: string) => keyof typeof GGML,
  more: Record<string, MadeValue> = {},
  extra: MadeTensor[] = [],
): Uint8Array<ArrayBuffer> {
  const tensors = tensorsOf(config).map(({ name, shape }): MadeTensor => {
    const floats = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => valueAt(name, i));
    const type = shape.length === 1 ? 'F32' : typeOf(name);
    return { name: ggufName(name), shape, type: GGML[type], bytes: encode(type, floats) };
  });
  return madeGguf({ ...ggufMetadata(config), ...more }, [...tensors, ...extra]);
}

const QWEN = SMALL_QWEN as Config;
const open = (bytes: Uint8Array) => openGgufModel(bytesSource('model.gguf', bytes));

describe('a GGUF file', () => {
  it.each(['llama-tiny', 'qwen2-tiny', 'qwen2-tiny-untied', 'qwen3-tiny'])(
    'of the golden %s computes what its safetensors do',
    async (name) => {
      const config = (await readJson(name, 'config.json')) as Config;
      const file = await readFile(join(goldensFolder, name, 'model.safetensors'));
      const golden = await openSafetensorsCheckpoint([bytesSource(name, file)]);
      const heads = { q_proj: config.num_attention_heads, k_proj: config.num_key_value_heads };
      const tensors: MadeTensor[] = [];
      for (const [tensor, stored] of golden.tensors) {
        const { shape } = stored;
        const floats = floatsOf(await stored.readRows(0, shape[0]!));
        const part = /(q_proj|k_proj)/.exec(tensor)?.[1] as keyof typeof heads | undefined;
        const rows =
          config.model_type === 'llama' && part ? interleaveHeads(floats, heads[part], shape) : floats;
        tensors.push({ name: ggufName(tensor), shape, type: GGML.F32, bytes: bytesOf(rows.slice()) });
      }
      const theta = config.rope_theta as number | undefined;
      const parameters = config['rope_parameters'] as { rope_theta: number } | undefined;
      const settings = { ...config, rope_theta: theta ?? parameters?.rope_theta ?? 10000 };
      const gguf = await open(madeGguf(ggufMetadata(settings), tensors, 2));
      const forward = await readTensors(name, 'forward.safetensors');
      const { shape, data } = forward('input_ids');
      const backend = new CpuBackend();
      const model = await loadModel({ backend, ...gguf, maxContext: 64 });
      const mask = forward('attention_mask').data;
      const [rows = 0, columns = 0] = shape;
      const row = Array.from({ length: rows }, (_, i) => i).find((i) =>
        Array.from(mask.subarray(i * columns, (i + 1) * columns)).every((bit) => bit === 1),
      )!;
      const tokens = Array.from(data.subarray(row * columns, (row + 1) * columns));
      const logits = await model.allLogits(tokens);
      const want = forward('logits').data.subarray(row * logits.length, (row + 1) * logits.length);
      const worst = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i]!)), 0);
      expect(worst).toBeLessThan(1e-4);
    },
  );

  it.each(['F16', 'BF16', 'Q8_0', 'Q4_0'] as const)(
    'in %s is taken over into a pack without a change',
    async (type) => {
      const bytes = made(QWEN, () => type);
      const sink = new MemorySink();
      const source = new FilesSource('model.gguf', new Map([['model.gguf', new Blob([bytes])]]));
      const wide = type === 'F16' || type === 'BF16';
      const report = await importModel({ source, sink, ...(wide && { weights: 'f16' as const }) });
      expect(report.weights).toBe(wide ? 'f16' : 'as stored');
      expect(report.relativeError).toBeUndefined();
      const backend = new CpuBackend();
      const pack = await openModel({ source: new FilesSource('pack', sink.blobs()) });
      const fromPack = await loadModel({ backend, ...pack, maxContext: 32 });
      const fromGguf = await loadModel({
        ...{ backend, maxContext: 32 },
        ...(await open(bytes)),
        ...(wide && { weights: 'f16' as const }),
      });
      const tokens = [3, 1, 4, 1, 5];
      expect(await fromPack.allLogits(tokens)).toEqual(await fromGguf.allLogits(tokens));
      const stored = pack.checkpoint.tensors.get('model.layers.0.mlp.up_proj.weight')!;
      expect(stored.format).toBe({ F16: 'f16', BF16: 'f16', Q8_0: 'q8', Q4_0: 'q4' }[type]);
    },
  );

  it('in Q4_K and Q6_K is rounded once more, and the report says so', async () => {
    const config = { ...QWEN, hidden_size: 256, intermediate_size: 256 };
    const bytes = made(config, (name) => (/v_proj|down|embed/.test(name) ? 'Q6_K' : 'Q4_K'));
    const source = new FilesSource('model.gguf', new Map([['model.gguf', new Blob([bytes])]]));
    const report = await importModel({ source, sink: new MemorySink() });
    expect(report.notices.filter(({ kind }) => kind === 'requantised').map(({ message }) => message)).toEqual(
      [
        expect.stringMatching(/Q6_K to q8/),
        expect.stringMatching(/Q4_K to q4/),
        expect.stringMatching(/Q4_K to q8/),
      ],
    );
    expect(report.relativeError).toBeGreaterThan(0);
    expect(report.relativeError).toBeLessThan(0.2);
  });

  it('with a type that cannot be read is refused, type and tensor by name', async () => {
    const config = { ...QWEN, hidden_size: 256, intermediate_size: 256 };
    const { config: json, checkpoint } = await open(
      made(config, (name) => (/k_proj/.test(name) ? 'Q5_K' : 'Q4_K')),
    );
    const load = loadModel({ backend: new CpuBackend(), config: json, checkpoint });
    await expect(load).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: 'model.layers.0.self_attn.k_proj.weight is stored as Q5_K, which cannot be read.',
    });
  });

  it('of another architecture is refused by name', async () => {
    const bytes = madeGguf({ 'general.architecture': { type: 'string', value: 'gemma3' } }, []);
    await expect(open(bytes)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: /gemma3/ });
  });

  it('brings its tokenizer and template', async () => {
    const tokens = ['a', 'b', 'ab', '<|im_end|>'];
    const bytes = made(QWEN, () => 'F32', {
      'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
      'tokenizer.ggml.pre': { type: 'string', value: 'qwen2' },
      'tokenizer.ggml.tokens': { type: 'strings', value: tokens },
      'tokenizer.ggml.token_type': { type: 'i32s', value: [1, 1, 1, 3] },
      'tokenizer.ggml.merges': { type: 'strings', value: ['a b'] },
      'tokenizer.ggml.eos_token_id': { type: 'u32', value: 3 },
      'tokenizer.chat_template': { type: 'string', value: '{{ messages }}' },
    });
    const source = new FilesSource('m', new Map([['m.gguf', new Blob([bytes])]]));
    const model = await openModel({ source });
    expect(model.config['eos_token_id']).toBe(3);
    expect(await modelFilesOf(model)).toMatchObject({
      tokenizer: { model: { type: 'BPE', merges: [['a', 'b']] } },
      tokenizerConfig: { chat_template: '{{ messages }}', eos_token: '<|im_end|>' },
    });
  });

  it('of Llama 3 has its rotary scaling in a tensor, which is recognised, or refused', async () => {
    const llama = { ...QWEN, architectures: ['LlamaForCausalLM'], model_type: 'llama' };
    const scaling = { rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4 };
    const config = parseModelConfig({
      ...llama,
      rope_scaling: { ...scaling, original_max_position_embeddings: 8192 },
    });
    const plain = rotaryFrequencies({ ...config.rope, scaling: { type: 'default' } }, config.headSize, 1);
    const scaled = rotaryFrequencies(config.rope, config.headSize, 1);
    const factors = Float32Array.from(plain, (value, i) => value / scaled[i]!);
    const tensor = (values: Float32Array): MadeTensor => ({
      ...{ name: 'rope_freqs.weight', shape: [values.length], type: GGML.F32 },
      bytes: bytesOf(values),
    });
    const gguf = await open(made(llama, () => 'F32', {}, [tensor(factors)]));
    expect(parseModelConfig(gguf.config).rope).toEqual(config.rope);
    const odd = open(made(llama, () => 'F32', {}, [tensor(factors.map((value, i) => value + i))]));
    await expect(odd).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: /rotary frequencies of its own/,
    });
  });
});
