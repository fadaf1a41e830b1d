import { mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readAdapter } from '../../src/generate/adapter-files';
import { safetensorsFiles, withMerged } from '../../src/generate/model-export';
import { parseModelConfig } from '../../src/lm/config';
import { packModel } from '../../src/lm/import/import-model';
import { closeModel, openModel } from '../../src/lm/import/open-model';
import { writePeftAdapter } from '../../src/lm/lora/write-peft';
import type { ExportedFile } from '../../src/protocol/model-export';
import { defineCommand, oneOf, UsageError, type Console } from '../command';
import { FolderSink } from '../folder-sink';
import { FolderSource } from '../folder-source';
import { openReference } from '../model-reference';
import { importNotes } from '../progress';
import { readDType } from '../weight-type';

const FORMATS = ['safetensors', 'pack', 'peft'] as const;
const FLOATS = ['f32', 'f16', 'bf16'] as const;

export const modelExport = defineCommand({
  name: 'model export',
  positionals: 'M',
  count: [1, 1],
  summary:
    'Writes a model as safetensors or a pack, with an adapter merged in if one is given; or the adapter alone.',
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder to write (required)' },
    format: { type: 'string', value: 'F', help: 'safetensors (default), pack, or peft: the adapter alone' },
    adapter: { type: 'string', value: 'DIR', help: 'a PEFT adapter (LoRA) that is merged into the weights' },
    dtype: {
      type: 'string',
      value: 'T',
      help: 'safetensors: f32, f16 or bf16 (default); pack: f32, f16, q8 or q4 (default as in `model import`)',
    },
  },
  async run({ out, format, adapter, dtype }, [reference = ''], console) {
    if (out === undefined) throw new UsageError('`s3 model export` needs --out DIR.');
    const wanted = oneOf('format', format, FORMATS, 'safetensors');
    const float = wanted === 'safetensors' ? oneOf('dtype', dtype, FLOATS, 'bf16') : 'bf16';
    const weights = wanted === 'pack' ? readDType(dtype) : undefined;
    if (wanted === 'peft' && adapter === undefined)
      throw new UsageError('--format peft needs --adapter DIR.');
    if (wanted === 'peft' && dtype !== undefined && dtype !== 'f32')
      throw new UsageError('An adapter is written in f32.');
    const { signal } = console;
    const opened = await openModel({ source: await openReference(reference), signal });
    try {
      const lora =
        adapter === undefined
          ? undefined
          : await readAdapter(await FolderSource.open(adapter), parseModelConfig(opened.config), signal);
      if (wanted === 'peft' && lora) {
        await writeAll(
          out,
          writePeftAdapter(lora, parseModelConfig(opened.config).layers).map(wholeFile),
          console,
        );
        return;
      }
      const model = lora && adapter !== undefined ? withMerged(opened, lora, adapter) : opened;
      if (wanted === 'pack') {
        const report = await packModel(model, {
          sink: new FolderSink(out),
          ...(weights && { weights }),
          onProgress: importNotes(console),
          signal,
        });
        console.out(
          console.json
            ? JSON.stringify(report)
            : `${out}: ${report.shards} shards, ${report.packBytes} bytes`,
        );
      } else {
        await writeAll(out, await safetensorsFiles(model, float, signal), console);
      }
    } finally {
      await closeModel(opened);
    }
  },
});

const wholeFile = ({ path, bytes }: { path: string; bytes: Uint8Array<ArrayBuffer> }): ExportedFile => ({
  ...{ path, bytes: bytes.length },
  // eslint-disable-next-line @typescript-eslint/require-await -- one part, without waiting
  async *parts() {
    yield bytes;
  },
});

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
