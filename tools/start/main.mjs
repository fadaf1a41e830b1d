// `npm start`: installs what is missing, builds the page, serves it and prints its address.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureInstalled, nodeComplaint } from './install.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const help = `npm start [-- --port 4173] [--host localhost] [--no-build]

Installs what is missing, builds the page, serves it and prints its address. If the port is taken, the next free one
is used. Ctrl-C stops it.`;

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(2);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: process.env['PORT'] ?? '4173' },
        host: { type: 'string', default: 'localhost' },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
}

const complaint = nodeComplaint();
if (complaint !== undefined) fail(complaint);
const options = readOptions();
if (options.help) {
  console.log(help);
  process.exit(0);
}
const port = Number(options.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--port ${options.port} is no port number.`);

if (!ensureInstalled(root, { dev: false })) process.exit(1);
const { build, preview } = await import('vite');
if (!options['no-build']) {
  console.log('Building the page …');
  await build({ root, logLevel: 'warn' });
}
const server = await preview({
  root,
  preview: { port, host: options.host, strictPort: false },
  logLevel: 'warn',
});
const urls = [...(server.resolvedUrls?.local ?? []), ...(server.resolvedUrls?.network ?? [])];
console.log(`\ns3-web is ready at ${urls.join(' and ')}\nPress Ctrl-C to stop.`);

// Nothing is written while serving, so there is nothing to wait for.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));

// npm does not hand a SIGTERM on to its grandchild; without this the server would outlive an `npm start` that was killed.
if (process.env['npm_lifecycle_event'] !== undefined) {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, 1000).unref();
}
