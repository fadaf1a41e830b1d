/**
 * Documents become a stored corpus in three steps: passages onto the disk as they are read, words indexed, vectors computed. From the
 * end of the first step on an import that is cut short goes on by itself, without the user's files; before, nothing is left of it.
 */
import { DEFAULT_WORDS, type ImportOutcome, type ImportRequest } from '../../protocol/corpus';
import type { EncoderRequest } from '../../protocol/encoder';
import { requireIndexTools } from '../build-vector-index';
import { loadAnalyzer } from '../bm25/analyzers';
import { requireParameters } from '../bm25/bm25-index';
import { requireChunking } from '../documents/chunking';
import { importPassages } from '../documents/import-passages';
import { finishImport } from './finish-import';
import { waiting, type ImportTools, type Watching } from './import-tools';
import { finishRebuild } from './rebuild-index';
import { readOptions, writePassages } from './stage-passages';

export async function importCorpus(
  request: ImportRequest,
  encoder: EncoderRequest | null,
  tools: ImportTools,
  watching: Watching = {},
): Promise<ImportOutcome> {
  const words = { ...DEFAULT_WORDS, ...request.words };
  requireParameters(words);
  if (request.chunking) requireChunking(request.chunking);
  requireIndexTools(request.index, tools);
  await loadAnalyzer(words.analyzer);
  return tools.store.stage(
    async (staged) => {
      const options = readOptions(request, tools, watching);
      const { sources, refusals, ...written } = await writePassages(staged, async (writer) =>
        importPassages(request.files, writer, options),
      );
      const name = request.name.trim() || (sources[0]?.name ?? 'Documents');
      const index = encoder && request.index ? { index: request.index } : {};
      const { chunking } = options;
      const plan = { name, sources, refusals, encoder, words, chunking, ...index, ...written };
      await staged.keep({ ...plan, format: 's3-web/import', version: 1, startedAt: tools.now() });
      return finishImport(staged, tools, watching);
    },
    { signal: watching.signal, ...waiting(watching) },
  );
}

/** Goes on with an import, an update or a new index that was cut short. */
export function resumeImport(
  id: string,
  tools: ImportTools,
  watching: Watching = {},
): Promise<ImportOutcome> {
  return tools.store.stage(
    async (staged) =>
      staged.plan?.task === 'index'
        ? { record: await finishRebuild(staged, tools, watching), refusals: [] }
        : finishImport(staged, tools, watching),
    { resume: id, signal: watching.signal, ...waiting(watching) },
  );
}
