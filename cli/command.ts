import { parseArgs, type ParseArgsConfig } from 'node:util';

/** Where a command writes, and what can stop it. */
export interface Console {
  /** One line on standard output: results. */
  out(line: string): void;
  /** One line on standard error: progress, notes, errors. */
  note(line: string): void;
  /** Results are to be JSON. */
  json: boolean;
  /** Fires on Ctrl-C. */
  signal: AbortSignal;
}

/** The command line itself is wrong; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type OptionSpec = NonNullable<ParseArgsConfig['options']>[string] & {
  /** One line for `--help`. */
  help: string;
  /** What stands for the value in `--help`, such as `FILE`. */
  value?: string;
};
type Options = Record<string, OptionSpec>;
type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T; allowPositionals: true }>
>['values'];

export interface CommandSpec<T extends Options> {
  /** As it is typed: `index build`. */
  name: string;
  /** Positional arguments for the usage line: `CORPUS`. */
  positionals: string;
  /** How many of them there may be. */
  count: [least: number, most: number];
  summary: string;
  options: T;
  /** Resolves to false when it ran but the answer is no. */
  run(values: Values<T>, positionals: string[], console: Console): Promise<void>;
}

export interface Command {
  name: string;
  summary: string;
  help(): string;
  run(args: readonly string[], console: Omit<Console, 'json'>): Promise<void>;
}

const common = {
  json: { type: 'boolean', help: 'print JSON' },
  help: { type: 'boolean', short: 'h', help: 'print this' },
} satisfies Options;

/** Makes a command from its description; help and checks of the arguments come from it. */
export function defineCommand<T extends Options>(spec: CommandSpec<T>): Command {
  const options = { ...spec.options, ...common };
  return {
    name: spec.name,
    summary: spec.summary,
    help: () => helpText(spec, options),
    async run(args, console) {
      const { values, positionals } = parse(args, options);
      const { help, json } = values as { help?: boolean; json?: boolean };
      if (help) {
        console.out(helpText(spec, options));
        return;
      }
      const [least, most] = spec.count;
      if (positionals.length < least || positionals.length > most) {
        throw new UsageError(`\`s3 ${spec.name}\` takes ${spec.positionals}; ${positionals.length} given.`);
      }
      await spec.run(values as Values<T>, positionals, { ...console, json: json ?? false });
    },
  };
}

function parse(args: readonly string[], options: Options): { values: object; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function helpText(
  spec: Pick<CommandSpec<Options>, 'name' | 'positionals' | 'summary'>,
  options: Options,
): string {
  const rows = Object.entries(options).map(([name, { type, short, value, help }]): [string, string] => [
    `${short === undefined ? '    ' : `-${short}, `}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`,
    help,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `s3 ${spec.name} ${spec.positionals} [options]`.replace('  ', ' '),
    '',
    spec.summary,
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
  ].join('\n');
}

/** A whole number from an option, within bounds. */
export function wholeNumber(name: string, text: string | undefined, least: number, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} is "${text}"; it takes a whole number from ${least}.`);
  }
  return value;
}

/** A number from an option, not negative. */
export function decimalNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new UsageError(`--${name} is "${text}"; it takes a number from 0.`);
  }
  return value;
}

/** One of a few words. */
export function oneOf<T extends string>(
  name: string,
  text: string | undefined,
  allowed: readonly T[],
  fallback: T,
): T {
  if (text === undefined) return fallback;
  const found = allowed.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${name} is "${text}"; it takes ${allowed.join(' or ')}.`);
  return found;
}
