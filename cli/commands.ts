import type { Command } from './command';
import { ask } from './commands/ask';
import { evaluate } from './commands/evaluate';
import { indexBuild } from './commands/index-build';
import { indexPush } from './commands/index-push';
import { indexSearch } from './commands/index-search';
import { modelExport } from './commands/model-export';
import { modelGenerate } from './commands/model-generate';
import { modelImport } from './commands/model-import';
import { modelList } from './commands/model-list';
import { modelScore } from './commands/model-score';
import { precompute } from './commands/precompute';
import { score } from './commands/score';
import { serve } from './commands/serve';
import { train } from './commands/train';
import { trainExport } from './commands/train-export';
import { trainResume } from './commands/train-resume';

export const commands: readonly Command[] = [
  ask,
  evaluate,
  indexBuild,
  indexSearch,
  indexPush,
  modelList,
  modelImport,
  modelExport,
  modelGenerate,
  modelScore,
  score,
  serve,
  precompute,
  // Longer names first: a command is found by its first words.
  trainResume,
  trainExport,
  train,
];
