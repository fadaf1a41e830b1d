#!/usr/bin/env node
import { commands } from './commands';
import { main } from './main';

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time, somebody is in a hurry.
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
  });
}
// `s3 … | head` closes the pipe early, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(commands, process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
  signal: controller.signal,
});
