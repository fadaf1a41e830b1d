import { toEnvelope } from '../src/protocol/errors';
import { UsageError, type Command, type Console } from './command';

/** Exit codes: 0 done, 1 failed or stopped, 2 the command line was wrong. */
export type ExitCode = 0 | 1 | 2;

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'npm run s3 -- COMMAND [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '`COMMAND --help` tells its options. A model is `demo`, a folder, or http(s)://host/v1#model for an OpenAI-compatible',
    'endpoint, whose key is read from S3_API_KEY. Ctrl-C stops a command.',
  ].join('\n');
}

/** The command whose words the arguments begin with, and the arguments after them. */
function find(commands: readonly Command[], args: readonly string[]): [Command, string[]] | undefined {
  for (const command of commands) {
    const words = command.name.split(' ');
    if (words.every((word, i) => args[i] === word)) return [command, args.slice(words.length)];
  }
  return undefined;
}

/** Runs one command line. */
export async function main(
  commands: readonly Command[],
  args: readonly string[],
  console: Omit<Console, 'json'>,
): Promise<ExitCode> {
  const [first] = args;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    console.out(overview(commands));
    return first === undefined ? 2 : 0;
  }
  const found = find(commands, args);
  if (found === undefined) {
    const group = commands.filter(({ name }) => name.startsWith(`${first} `));
    console.note(group.length > 0 ? `s3 ${first} is one of:` : `There is no command "${first}".\n`);
    console.note(group.length > 0 ? group.map(({ name }) => `  s3 ${name}`).join('\n') : overview(commands));
    return 2;
  }
  const [command, rest] = found;
  try {
    await command.run(rest, console);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.note(`${error.message}\n\n${command.help()}`);
      return 2;
    }
    report(error, rest.includes('--json'), console);
    return 1;
  }
}

function report(error: unknown, json: boolean, console: Omit<Console, 'json'>): void {
  const envelope = toEnvelope(error);
  if (json) console.out(JSON.stringify({ error: envelope }));
  console.note(envelope.code === 'ABORTED' ? 'Stopped.' : `${envelope.code}: ${envelope.message}`);
  // The page's advice to reload it makes no sense here; the stack does.
  if (envelope.code === 'INTERNAL') console.note(error instanceof Error ? (error.stack ?? '') : '');
  else if (envelope.code !== 'ABORTED' && envelope.fix !== '') console.note(envelope.fix);
}
