import { importModel, planImport } from '../../src/lm/import/import-model';
import { AppError } from '../../src/protocol/errors';
import type { ImportReport, ImportSummary } from '../../src/protocol/model-import';
import { defineCommand, UsageError, type Console } from '../command';
import { FolderSink } from '../folder-sink';
import { openReference } from '../model-reference';
import { importNotes } from '../progress';
import { dtypeOption, readDType } from '../weight-type';

export const modelImport = defineCommand({
  name: 'model import',
  positionals: 'SRC',
  count: [1, 1],
  summary:
    'Turns a model into a pack: from hf:owner/name, a folder, a .gguf file or another pack. Goes on where it was interrupted.',
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder of the pack (required)' },
    dtype: dtypeOption,
    revision: { type: 'string', value: 'REV', help: 'branch, tag or commit of a repository; default main' },
    hub: {
      type: 'string',
      value: 'URL',
      help: 'address of the hub; default HF_ENDPOINT, else https://huggingface.co',
    },
    file: { type: 'string', value: 'NAME', help: 'which GGUF file, where the source has several' },
    plan: { type: 'boolean', help: 'only tell what the import would do' },
  },
  async run({ out, dtype, revision, hub, file, plan }, [reference = ''], console) {
    if (out === undefined && plan !== true) throw new UsageError('`s3 model import` needs --out DIR.');
    const weights = readDType(dtype);
    const chosen = {
      ...(weights && { weights }),
      ...(file !== undefined && { file }),
      signal: console.signal,
    };
    const source = await openReference(reference, { hub, revision });
    if (plan === true) {
      const summary = await planImport({ source, ...chosen });
      tell(summary, console);
      return;
    }
    const sink = new FolderSink(out ?? '');
    await refuseForeignFolder(sink);
    const report = await importModel({ source, sink, ...chosen, onProgress: importNotes(console) });
    tell(report, console);
  },
});

/** A folder with other things in it is most likely a mistake. */
async function refuseForeignFolder(sink: FolderSink): Promise<void> {
  const files = await sink.list();
  const known = files.some(({ path }) => ['import.json', 'pack.json'].includes(path));
  if (files.length === 0 || known || files.every(({ path }) => path.endsWith('.part'))) return;
  throw new AppError('BAD_INPUT', `${sink.folder} is not empty, and holds no pack.`, {
    fix: 'Choose a new folder for --out.',
  });
}

/** A plan says what is known before the weights come; what they lost on the way is in a report alone. */
function tell(told: ImportSummary | ImportReport, console: Console): void {
  if (console.json) {
    console.out(JSON.stringify(told));
    return;
  }
  const { name, architecture, weights, parameters, sourceBytes, packBytes, shards, licence, revision } = told;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  console.out(`${name}${revision === undefined ? '' : ` at ${revision}`}`);
  console.out(
    `${architecture}, ${(parameters / 1e6).toFixed(1)} million parameters, licence: ${licence ?? 'not stated'}`,
  );
  console.out(
    `${megabytes(sourceBytes)} become ${megabytes(packBytes)} in ${shards} shards, matrices ${weights}`,
  );
  if ('relativeError' in told) {
    console.out(
      `rounding: ${(100 * told.relativeError).toFixed(1)} % of the weights' size (root mean square)`,
    );
  }
  for (const { message } of told.notices) console.out(`Note: ${message}`);
}
