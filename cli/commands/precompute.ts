import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../../src/platform/clock';
import { sequencesFileName } from '../../src/train/precompute/sequences-file';
import { findBaselines } from '../../src/train/runs/baselines';
import { filterQuestions } from '../../src/train/runs/filter';
import { deviceOption, readDevice } from '../backend';
import { defineCommand, UsageError } from '../command';
import { Models } from '../models';
import { progressNotes } from '../progress';
import { appendedFile, cacheFile, filterLine, journalFile, readRagCache } from './train-baselines';
import { readRunConfig } from './train-config';
import { openRetriever, readTrainingQuestions } from './train-session';

export const precompute = defineCommand({
  name: 'precompute',
  positionals: 'CONFIG',
  count: [1, 1],
  summary:
    'Finds out what plain RAG answers to the questions of a training configuration; interrupted, it goes on where it was.',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      help: 'folder for rag_cache.json and the documents found (required)',
    },
    device: deviceOption,
  },
  async run({ out, device }, [reference = ''], console) {
    if (out === undefined) throw new UsageError('`s3 precompute` needs --out DIR.');
    const config = await readRunConfig(reference);
    const folder = resolve(out);
    await mkdir(folder, { recursive: true });
    const questions = await readTrainingQuestions(config.questions.source);
    const retriever = await openRetriever(config, console);
    const models = new Models(console, device === undefined ? config.device : readDevice(device));
    try {
      const name = config.generator === 'searcher' ? config.searcher.model : config.generator;
      const { model: generator } = await models.open(name);
      const journalPath = join(folder, journalFile);
      const told = progressNotes(console);
      const { cache, journal } = await findBaselines({
        ...{ config, questions, retriever, generator, concurrency: 8, clock: systemClock },
        journal: appendedFile(journalPath),
        imported: await readRagCache(join(folder, cacheFile)),
        signal: console.signal,
        onProgress: (done, total) =>
          told({ done, total, unit: 'questions', label: 'Questions answered by plain RAG' }),
      });
      await writeFile(join(folder, cacheFile), cache.toText());
      const files = [cacheFile];
      for (const [source, sequences] of Object.entries(journal.sequences())) {
        const file = sequencesFileName(source.replace(/[^\w.-]+/g, '_'));
        await writeFile(join(folder, file), `${JSON.stringify(sequences, null, 2)}\n`);
        files.push(file);
      }
      const { counts } = filterQuestions(questions, config, cache);
      console.note(filterLine(counts));
      if (console.json) console.out(JSON.stringify({ counts, files }));
      else for (const file of files) console.out(join(folder, file));
    } finally {
      await models.dispose();
    }
  },
});
