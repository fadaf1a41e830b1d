#!/usr/bin/env node
import { ask } from './commands/ask';
import { indexBuild } from './commands/index-build';
import { indexSearch } from './commands/index-search';
import { modelGenerate } from './commands/model-generate';
import { modelScore } from './commands/model-score';
import { main } from './main';

const controller = new AbortController();
process.on('SIGINT', () => {
  // The second time, somebody is in a hurry.
  if (controller.signal.aborted) process.exit(1);
  controller.abort();
});
// `s3 … | head` closes the pipe early, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const commands = [ask, indexBuild, indexSearch, modelGenerate, modelScore];
process.exitCode = await main(commands, process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
  signal: controller.signal,
});
