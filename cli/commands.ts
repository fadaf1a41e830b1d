import type { Command } from './command';
import { ask } from './commands/ask';
import { indexBuild } from './commands/index-build';
import { indexSearch } from './commands/index-search';
import { modelExport } from './commands/model-export';
import { modelGenerate } from './commands/model-generate';
import { modelImport } from './commands/model-import';
import { modelList } from './commands/model-list';
import { modelScore } from './commands/model-score';
import { score } from './commands/score';
import { serve } from './commands/serve';

export const commands: readonly Command[] = [
  ask,
  indexBuild,
  indexSearch,
  modelList,
  modelImport,
  modelExport,
  modelGenerate,
  modelScore,
  score,
  serve,
];
