/** How the common local servers are told to let a page in, as of their versions of autumn 2026. */

export interface ServerCommand {
  server: 'Ollama' | 'LM Studio' | 'llama.cpp' | 'vLLM' | 's3-web';
  command: string;
}

/** The ports these servers listen on unless told otherwise. */
const USUAL_PORTS: Record<string, ServerCommand['server']> = {
  '11434': 'Ollama',
  '1234': 'LM Studio',
  '8080': 'llama.cpp',
  '8000': 'vLLM',
  '8787': 's3-web',
};

function allowCommands(origin: string): ServerCommand[] {
  return [
    { server: 'Ollama', command: `OLLAMA_ORIGINS=${origin} ollama serve` },
    { server: 'LM Studio', command: 'lms server start --cors' },
    { server: 'llama.cpp', command: `llama-server -m MODEL.gguf --cors-origins ${origin}` },
    { server: 'vLLM', command: `vllm serve MODEL --allowed-origins '["${origin}"]'` },
    { server: 's3-web', command: `npm run s3 -- serve --cors ${origin}` },
  ];
}

const startCommands: ServerCommand[] = [
  { server: 'Ollama', command: 'ollama serve' },
  { server: 'LM Studio', command: 'lms server start' },
  { server: 'llama.cpp', command: 'llama-server -m MODEL.gguf' },
  { server: 'vLLM', command: 'vllm serve MODEL' },
  { server: 's3-web', command: 'npm run s3 -- serve' },
];

/** The command of the server that usually has this port; all of them where the port says nothing. */
function forPort(commands: ServerCommand[], baseUrl: string): ServerCommand[] {
  const server = USUAL_PORTS[new URL(baseUrl).port];
  return server ? commands.filter((entry) => entry.server === server) : commands;
}

/** Restart the server with this, and it lets pages of `origin` in: that origin alone, never all. */
export const commandsToAllow = (baseUrl: string, origin: string): ServerCommand[] =>
  forPort(allowCommands(origin), baseUrl);

/** Starts the server, already open for `origin` where the page's origin is known. */
export const commandsToStart = (baseUrl: string, origin: string | undefined): ServerCommand[] =>
  forPort(origin === undefined ? startCommands : allowCommands(origin), baseUrl);

export const listCommands = (commands: readonly ServerCommand[]): string =>
  commands.length === 1
    ? (commands[0]?.command ?? '')
    : commands.map(({ server, command }) => `${server}: ${command}`).join('\n');
