import { commands } from '../commands';
import { main, type ExitCode } from '../main';

export interface CliResult {
  code: ExitCode;
  out: string[];
  notes: string;
}

/** Runs one command line in this process, as `npm run s3 --` would. */
export async function runCli(
  args: readonly string[],
  signal = new AbortController().signal,
): Promise<CliResult> {
  const out: string[] = [];
  const notes: string[] = [];
  const code = await main(commands, args, {
    out: (line) => out.push(line),
    note: (line) => notes.push(line),
    signal,
  });
  return { code, out, notes: notes.join('\n') };
}

/** The one JSON document that a command printed. */
export function parsed({ out }: CliResult): Record<string, unknown> {
  if (out.length !== 1) throw new Error(`${out.length} lines were printed, not one.`);
  return JSON.parse(out[0] ?? '') as Record<string, unknown>;
}
