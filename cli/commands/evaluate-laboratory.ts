/** What an evaluation on the command line runs with: models, corpora and files of this machine, endpoints, the hub. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { isRemoteSource, remoteFile } from '../../src/evaluation/datasets/hub-files';
import type { SourceFile } from '../../src/evaluation/datasets/source-file';
import type { EvaluationLaboratory } from '../../src/evaluation/runner/laboratory';
import { isEndpointReference } from '../../src/generate/endpoint';
import { AppError } from '../../src/protocol/errors';
import type { DeviceChoice } from '../backend';
import type { Console } from '../command';
import type { CorpusReading } from '../corpus-reader';
import { chooseRetriever } from '../corpus-retriever';
import { demoFolder } from '../folders';
import { Models } from '../models';

/** Folders below the one that is named: BEIR has one, FlashRAG two. */
const MAX_DEPTH = 3;

export function commandLaboratory(
  console: Console,
  device: DeviceChoice,
  reading: CorpusReading = {},
): EvaluationLaboratory {
  let models: Models | undefined;
  return {
    async openModel(reference) {
      models ??= new Models(console, device);
      const { model, search } = await models.open(reference);
      return { model, local: !isEndpointReference(reference), ...(search && { search }) };
    },
    async openRetrievers(corpus, retrieval, needs) {
      // What only searches by words need not wait for vectors.
      const given = await chooseRetriever(corpus, needs.given ? retrieval : 'bm25', console, reading);
      if (!needs.bm25) return given;
      if (given.mode === 'bm25') return { ...given, bm25: given.retriever };
      const { retriever } = await chooseRetriever(corpus, 'bm25', console, reading);
      return { ...given, bm25: retriever };
    },
    openSource: (source) => sourceFiles(source, console),
    async close() {
      const open = models;
      models = undefined;
      await open?.dispose();
    },
  };
}

async function sourceFiles(source: string, console: Pick<Console, 'note'>): Promise<SourceFile[]> {
  const split = /^demo:(dev|test)$/.exec(source)?.[1];
  if (split !== undefined) return [fileAt(join(demoFolder, `questions.${split}.jsonl`))];
  if (isRemoteSource(source)) {
    console.note(`Fetching ${source}`);
    const hub = process.env['HF_ENDPOINT'];
    return [remoteFile(source, (input, init) => fetch(input, init), hub === undefined ? {} : { hub })];
  }
  const path = source.replace(/^file:/, '');
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return [fileAt(path)];
  if (info?.isDirectory()) return filesBelow(path);
  throw new AppError('NOT_FOUND', `There is no data set ${source}.`, {
    fix: 'Give demo:dev, demo:test, a file, a folder, or hf:datasets/owner/name/path/to/file.',
  });
}

const fileAt = (path: string, name = basename(path)): SourceFile => ({
  path: name,
  async read(signal) {
    return new Uint8Array(await readFile(path, signal ? { signal } : {}));
  },
});

async function filesBelow(root: string, folder = root, depth = 0): Promise<SourceFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: SourceFile[] = [];
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
    const path = join(folder, entry.name);
    if (entry.isFile()) files.push(fileAt(path, relative(root, path)));
    else if (entry.isDirectory() && depth < MAX_DEPTH)
      files.push(...(await filesBelow(root, path, depth + 1)));
  }
  return files;
}
