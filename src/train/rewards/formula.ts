/** Arithmetic over named numbers, for rewards that users write. Nothing of it is run as code: a page's policy forbids that. */
import { AppError } from '../../protocol/errors';

export type Formula = (facts: Readonly<Record<string, number>>) => number;

type Token = { kind: 'number'; value: number } | { kind: 'name' | 'sign'; text: string };

const TOKEN = /\s*(?:(\d+(?:\.\d*)?|\.\d+)|([A-Za-z][A-Za-z0-9]*)|(<=|>=|==|[-+*/(),<>]))/y;
const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  min: Math.min,
  max: Math.max,
  abs: (x = 0) => Math.abs(x),
  sqrt: (x = 0) => Math.sqrt(Math.max(0, x)),
};
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
  '==': (a, b) => a === b,
};
/** Deeper nesting than anybody writes. */
const MOST_DEPTH = 50;

/**
 * Numbers, names, `+ - * /`, parentheses, `min`, `max`, `abs`, `sqrt`, and the comparisons `< > <= >= ==`, which are 1 or 0. A
 * division by 0 gives 0.
 * @param names what a formula may speak of
 * @throws AppError BAD_INPUT, with the place
 */
export function parseFormula(text: string, names: readonly string[]): Formula {
  return new Parser(text, new Set(names)).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #names: ReadonlySet<string>;
  #at = 0;
  #depth = 0;

  constructor(text: string, names: ReadonlySet<string>) {
    this.#tokens = tokensOf(text);
    this.#names = names;
  }

  whole(): Formula {
    const formula = this.#comparison();
    const rest = this.#tokens[this.#at];
    if (rest) throw wrong(`“${textOf(rest)}” is not expected there`);
    return formula;
  }

  #comparison(): Formula {
    const left = this.#sum();
    const sign = Object.keys(COMPARISONS).find((text) => this.#takes(text));
    const compare = sign === undefined ? undefined : COMPARISONS[sign];
    if (!compare) return left;
    const right = this.#sum();
    return (facts) => (compare(left(facts), right(facts)) ? 1 : 0);
  }

  #sum(): Formula {
    let left = this.#product();
    for (;;) {
      const [a, plus] = [left, this.#takes('+')];
      if (!plus && !this.#takes('-')) return left;
      const b = this.#product();
      left = plus ? (facts) => a(facts) + b(facts) : (facts) => a(facts) - b(facts);
    }
  }

  #product(): Formula {
    let left = this.#factor();
    for (;;) {
      const [a, times] = [left, this.#takes('*')];
      if (!times && !this.#takes('/')) return left;
      const b = this.#factor();
      left = times ? (facts) => a(facts) * b(facts) : (facts) => quotient(a(facts), b(facts));
    }
  }

  #factor(): Formula {
    this.#depth += 1;
    if (this.#depth > MOST_DEPTH) throw wrong('it is nested too deeply');
    const formula = this.#atom();
    this.#depth -= 1;
    return formula;
  }

  #atom(): Formula {
    if (this.#takes('-')) {
      const negated = this.#factor();
      return (facts) => -negated(facts);
    }
    if (this.#takes('(')) {
      const inner = this.#comparison();
      this.#expect(')');
      return inner;
    }
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (!token) throw wrong('it ends too soon');
    if (token.kind === 'number') return () => token.value;
    if (token.kind === 'sign') throw wrong(`“${token.text}” is not expected there`);
    const { text: name } = token;
    if (Object.hasOwn(FUNCTIONS, name)) return this.#call(name);
    if (this.#names.has(name)) return (facts) => facts[name] ?? 0;
    throw wrong(`“${name}” is not known; it can speak of ${[...this.#names].join(', ')}`);
  }

  #call(name: string): Formula {
    this.#expect('(');
    const values = [this.#comparison()];
    while (this.#takes(',')) values.push(this.#comparison());
    this.#expect(')');
    const compute = FUNCTIONS[name];
    return (facts) => compute?.(...values.map((value) => value(facts))) ?? 0;
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw wrong(`“${sign}” is missing`);
  }
}

const quotient = (a: number, b: number): number => (b === 0 ? 0 : a / b);

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const source = text.trimEnd();
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < source.length;) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match) throw wrong(`“${source.slice(from).trim().slice(0, 12)}” cannot be read`);
    const [, digits, name, sign] = match;
    if (digits !== undefined) tokens.push({ kind: 'number', value: Number(digits) });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else tokens.push({ kind: 'sign', text: sign ?? '' });
  }
  return tokens;
}

const textOf = (token: Token): string => (token.kind === 'number' ? String(token.value) : token.text);

const wrong = (what: string): AppError =>
  new AppError('BAD_INPUT', `The formula of the reward cannot be read: ${what}.`, {
    fix: 'Write numbers and names with + - * / ( ), comparisons, min, max, abs and sqrt, such as “accuracy - 0.05 * searches”.',
  });
