import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { goldensFolder, readJson } from '../../tests/goldens/read-tensors';
import { bytesSource } from './byte-source';
import { floatsOf, type Checkpoint } from './checkpoint';
import { parseModelConfig } from './config';
import { exportSafetensors, type ExportedFile } from './export-safetensors';
import { mergedCheckpoint } from './lora/merge';
import { readPeftAdapter } from './lora/read-peft';
import { openSafetensorsCheckpoint } from './safetensors';

const golden = async (...path: string[]): Promise<ReturnType<typeof bytesSource>> =>
  bytesSource(path.join('/'), await readFile(join(goldensFolder, ...path)));

async function contentOf(file: ExportedFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of file.parts()) parts.push(part);
  return new Uint8Array(await new Blob(parts.map((part) => Uint8Array.from(part))).arrayBuffer());
}

async function reopen(files: readonly ExportedFile[]): Promise<Checkpoint> {
  const sources = files.filter(({ path }) => path.endsWith('.safetensors'));
  return openSafetensorsCheckpoint(
    await Promise.all(sources.map(async (file) => bytesSource(file.path, await contentOf(file)))),
  );
}

const valuesOf = async ({ tensors }: Checkpoint, name: string): Promise<number[]> => {
  const tensor = tensors.get(name);
  return [...floatsOf(await tensor!.readRows(0, tensor!.shape[0] ?? 0))];
};

let checkpoint: Checkpoint;
beforeAll(async () => {
  checkpoint = await openSafetensorsCheckpoint([await golden('qwen2-tiny', 'model.safetensors')]);
});

describe('exporting safetensors', () => {
  it('gives the same tensors in one file', async () => {
    const files = exportSafetensors(checkpoint, { dtype: 'F32' });
    expect(files.map(({ path }) => path)).toEqual(['model.safetensors']);
    expect((await contentOf(files[0]!)).length).toBe(files[0]!.bytes);
    const back = await reopen(files);
    expect([...back.tensors.keys()]).toEqual([...checkpoint.tensors.keys()]);
    for (const name of back.tensors.keys()) {
      expect(await valuesOf(back, name)).toEqual(await valuesOf(checkpoint, name));
    }
  });

  it('goes over several files with an index where one would be too large', async () => {
    const files = exportSafetensors(checkpoint, { dtype: 'BF16', maxFileBytes: 60_000 });
    expect(files.length).toBeGreaterThan(3);
    expect(files[0]?.path).toBe(`model-00001-of-0000${files.length - 1}.safetensors`);
    const index = JSON.parse(new TextDecoder().decode(await contentOf(files.at(-1)!))) as {
      weight_map: Record<string, string>;
      metadata: { total_size: number };
    };
    expect(files.at(-1)?.path).toBe('model.safetensors.index.json');
    const back = await reopen(files);
    expect(Object.keys(index.weight_map).sort()).toEqual([...checkpoint.tensors.keys()].sort());
    expect([...back.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBe(
      index.metadata.total_size,
    );
    for (const file of files.slice(0, -1)) {
      const own = await reopen([file]);
      for (const name of own.tensors.keys()) expect(index.weight_map[name]).toBe(file.path);
    }
    const [got, want] = [
      await valuesOf(back, 'model.norm.weight'),
      await valuesOf(checkpoint, 'model.norm.weight'),
    ];
    got.forEach((value, i) => expect(Math.abs(value / want[i]! - 1)).toBeLessThanOrEqual(2 ** -8));
  });

  it('merges an adapter on the way: W + (α/r)·B·A', async () => {
    const config = (await readJson('lora', 'adapter_config.json')) as { r: number; lora_alpha: number };
    const model = parseModelConfig(await readJson('qwen2-tiny', 'config.json'));
    const source = await golden('lora', 'adapter_model.safetensors');
    const adapter = await readPeftAdapter({ config, source, model });
    const merged = await reopen(exportSafetensors(mergedCheckpoint(checkpoint, adapter), { dtype: 'F32' }));
    const name = 'model.layers.1.mlp.gate_proj.weight';
    const pair = adapter.pairs.find(({ layer, module }) => layer === 1 && module === 'gate_proj')!;
    const base = await valuesOf(checkpoint, name);
    const columns = model.hiddenSize;
    (await valuesOf(merged, name)).forEach((value, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      let product = 0;
      for (let k = 0; k < config.r; k += 1)
        product += pair.up[row * config.r + k]! * pair.down[k * columns + column]!;
      expect(value).toBeCloseTo(base[at]! + (config.lora_alpha / config.r) * product, 6);
    });
    const norm = 'model.layers.1.input_layernorm.weight';
    expect(await valuesOf(merged, norm)).toEqual(await valuesOf(checkpoint, norm));
  });

  it('refuses to merge an adapter of another model', async () => {
    const untied = await openSafetensorsCheckpoint([await golden('llama-tiny', 'model.safetensors')]);
    const model = parseModelConfig(await readJson('qwen2-tiny', 'config.json'));
    const config = await readJson('lora', 'adapter_config.json');
    const adapter = await readPeftAdapter({
      config,
      source: await golden('lora', 'adapter_model.safetensors'),
      model,
    });
    expect(() => mergedCheckpoint(untied, adapter)).toThrow(
      expect.objectContaining({ code: 'BAD_INPUT' }) as Error,
    );
  });

  it('stops at an abort', async () => {
    const [file] = exportSafetensors(checkpoint);
    const controller = new AbortController();
    const parts = file!.parts(controller.signal);
    await parts.next();
    controller.abort();
    await expect(parts.next()).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
