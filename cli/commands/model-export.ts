import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readAdapter } from '../../src/generate/adapter-files';
import { parseModelConfig } from '../../src/lm/config';
import { safetensorsExport, type ExportedFile } from '../../src/lm/formats/safetensors-export';
import { packModel } from '../../src/lm/import/import-model';
import { closeModel, openModel, type OpenedModel } from '../../src/lm/import/open-model';
import { mergedCheckpoint } from '../../src/lm/lora/merge';
import { defineCommand, oneOf, UsageError, type Console } from '../command';
import { FolderSink } from '../folder-sink';
import { FolderSource } from '../folder-source';
import { openReference } from '../model-reference';
import { importNotes } from '../progress';
import { readDType } from '../weight-type';

const FLOATS = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

export const modelExport = defineCommand({
  name: 'model export',
  positionals: 'M',
  count: [1, 1],
  summary: 'Writes a model, with an adapter merged in if one is given, as safetensors or as a pack.',
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder to write (required)' },
    format: { type: 'string', value: 'F', help: 'safetensors (default) or pack' },
    adapter: { type: 'string', value: 'DIR', help: 'a PEFT adapter (LoRA) that is merged into the weights' },
    dtype: {
      type: 'string',
      value: 'T',
      help: 'safetensors: f32, f16 or bf16 (default); pack: f32, f16, q8 or q4 (default as in `model import`)',
    },
  },
  async run({ out, format, adapter, dtype }, [reference = ''], console) {
    if (out === undefined) throw new UsageError('`s3 model export` needs --out DIR.');
    const asPack = oneOf('format', format, ['safetensors', 'pack'] as const, 'safetensors') === 'pack';
    const float = asPack ? 'bf16' : oneOf('dtype', dtype, ['f32', 'f16', 'bf16'] as const, 'bf16');
    const weights = asPack ? readDType(dtype) : undefined;
    const { signal } = console;
    const opened = await openModel({ source: await openReference(reference), signal });
    try {
      const model = adapter === undefined ? opened : await merged(opened, adapter, signal);
      if (asPack) {
        const onProgress = importNotes(console);
        const report = await packModel(model, {
          sink: new FolderSink(out),
          ...(weights && { weights }),
          onProgress,
          signal,
        });
        console.out(
          console.json
            ? JSON.stringify(report)
            : `${out}: ${report.shards} shards, ${report.packBytes} bytes`,
        );
      } else {
        await writeAll(out, await safetensorsFiles(model, FLOATS[float], signal), console);
      }
    } finally {
      await closeModel(opened);
    }
  },
});

async function merged(model: OpenedModel, folder: string, signal: AbortSignal): Promise<OpenedModel> {
  const adapter = await readAdapter(await FolderSource.open(folder), parseModelConfig(model.config), signal);
  const { container, config, weightFiles, checkpoint, origin } = model;
  return {
    // Without a manifest: what comes out is another model than the pack that it may come from.
    ...{ container, config, weightFiles },
    origin: { ...origin, name: `${origin.name} with ${folder}` },
    checkpoint: mergedCheckpoint(checkpoint, adapter),
    texts: (later) => model.texts(later),
  };
}

async function safetensorsFiles(
  model: OpenedModel,
  type: (typeof FLOATS)[keyof typeof FLOATS],
  signal: AbortSignal,
): Promise<ExportedFile[]> {
  const { tokenizer, tokenizerConfig, generationConfig, chatTemplate, others } = await model.texts(signal);
  const text = (path: string, content: string) => ({ path, bytes: new TextEncoder().encode(content) });
  const beside = [
    ...(tokenizer ? [tokenizer] : []),
    ...(tokenizerConfig ? [tokenizerConfig] : []),
    ...(generationConfig ? [text('generation_config.json', JSON.stringify(generationConfig, null, 2))] : []),
    ...(chatTemplate === undefined ? [] : [text('chat_template.jinja', chatTemplate)]),
    ...others,
  ];
  const { config, checkpoint } = model;
  return safetensorsExport({ config, checkpoint, type, others: beside });
}

/** A file appears under its name when all of it is written. */
async function writeAll(folder: string, files: readonly ExportedFile[], console: Console): Promise<void> {
  for (const exported of files) {
    const { path, bytes } = exported;
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const file = await open(`${target}.part`, 'w');
    try {
      for await (const part of exported.parts(console.signal)) await file.writeFile(part);
    } finally {
      await file.close();
    }
    await rename(`${target}.part`, target);
    console.note(`${path}: ${bytes} bytes`);
  }
  if (console.json) console.out(JSON.stringify({ files: files.map(({ path, bytes }) => ({ path, bytes })) }));
  else for (const { path } of files) console.out(join(folder, path));
}
