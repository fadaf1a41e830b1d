/** WebAssembly text, put together from strings: expressions nest, statements are lines. */

export type Expression = string;
export type Statement = string;

export const get = (name: string): Expression => `(local.get $${name})`;
export const set = (name: string, value: Expression): Statement => `(local.set $${name} ${value})`;
export const i32 = (value: number): Expression => `(i32.const ${value})`;
export const f32 = (value: number): Expression =>
  `(f32.const ${Object.is(value, -Infinity) ? '-inf' : value})`;
/** The same number in all four lanes. */
export const splat = (value: number): Expression => `(f32x4.splat ${f32(value)})`;
export const bits = (value: number): Expression => `(i32x4.splat ${i32(value)})`;

/** `call('i32.add')(a, b)` is `(i32.add a b)`. */
export const call =
  (instruction: string) =>
  (...operands: Expression[]): Expression =>
    `(${[instruction, ...operands].join(' ')})`;

export const add = call('i32.add');
export const sub = call('i32.sub');
export const mul = call('i32.mul');
export const less = call('i32.lt_u');
export const shiftLeft = (value: Expression, by: number): Expression => `(i32.shl ${value} ${i32(by)})`;
export const min = (a: Expression, b: Expression): Expression => `(select ${a} ${b} (i32.lt_u ${a} ${b}))`;
/** The largest multiple of a power of two that is no larger. */
export const wholeOf = (value: Expression, of: number): Expression => `(i32.and ${value} ${i32(-of)})`;

export const vAdd = call('f32x4.add');
export const vSub = call('f32x4.sub');
export const vMul = call('f32x4.mul');
export const vDiv = call('f32x4.div');

/** Bytes of an f32, of four of them, and of eight. */
export const F32 = 4;
export const V128 = 16;

export const load = (address: Expression, offset = 0): Expression =>
  `(v128.load offset=${offset} align=4 ${address})`;
export const loadSplat = (address: Expression, offset = 0): Expression =>
  `(v128.load32_splat offset=${offset} ${address})`;
export const loadOne = (address: Expression, offset = 0): Expression =>
  `(f32.load offset=${offset} ${address})`;
export const store = (address: Expression, value: Expression, offset = 0): Statement =>
  `(v128.store offset=${offset} align=4 ${address} ${value})`;
export const storeOne = (address: Expression, value: Expression, offset = 0): Statement =>
  `(f32.store offset=${offset} ${address} ${value})`;
export const lane = (vector: Expression, at: number): Expression => `(f32x4.extract_lane ${at} ${vector})`;

/** Lanes 0 … 3 are those of a, 4 … 7 those of b. */
export const pick = (a: Expression, b: Expression, lanes: readonly number[]): Expression =>
  `(i8x16.shuffle ${lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]).join(' ')} ${a} ${b})`;

/** (l0 + l2) + (l1 + l3), the one order in which lanes are summed. */
export const laneSum = (name: string): Expression => {
  const halves = vAdd(get(name), pick(get(name), get(name), [2, 3, 0, 1]));
  return `(f32.add (f32x4.extract_lane 0 (local.tee $${name} ${halves})) (f32x4.extract_lane 1 ${get(name)}))`;
};

export const when = (condition: Expression, ...body: Statement[]): Statement =>
  `(if ${condition} (then ${body.join('\n')}))`;

/** Adds `step` to a local. */
export const advance = (name: string, step: Expression): Statement => set(name, add(get(name), step));

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

/** A function that is being written. Its locals come into being where they are first named. */
export class Fn {
  readonly #locals = new Map<string, ValueType>();
  readonly #body: Statement[] = [];
  #labels = 0;

  constructor(
    readonly name: string,
    readonly parameters: Record<string, ValueType>,
    /** Types of what it returns, blanks between them. */
    readonly result?: string,
  ) {}

  local(name: string, type: ValueType = 'i32'): string {
    if (!(name in this.parameters)) this.#locals.set(name, type);
    return name;
  }

  vector(name: string): string {
    return this.local(name, 'v128');
  }

  emit(...statements: Statement[]): void {
    this.#body.push(...statements);
  }

  /** While `counter` is below `end`; the body advances it. */
  whileBelow(counter: string, end: Expression, ...body: Statement[]): Statement {
    const label = `loop${(this.#labels += 1)}`;
    return `(block $${label}out (loop $${label}
      (br_if $${label}out (i32.ge_u ${get(counter)} ${end}))
      ${body.join('\n')}
      (br $${label})))`;
  }

  toString(): string {
    const parameters = Object.entries(this.parameters).map(([name, type]) => `(param $${name} ${type})`);
    const locals = [...this.#locals].map(([name, type]) => `(local $${name} ${type})`);
    const result = this.result ? `(result ${this.result})` : '';
    return `(func $${this.name} (export "${this.name}") ${parameters.join(' ')} ${result}
      ${locals.join(' ')}
      ${this.#body.join('\n')})`;
  }
}
