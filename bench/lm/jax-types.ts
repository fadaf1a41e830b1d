/** What of jax-js is used. The package is the benchmarks' own, so the type checker must do without it. */

/** Freed when it is used; `ref` keeps it. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: readonly number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<ArrayLike<number>>;
  dispose(): void;
}

export type JaxArrays = Record<string, JaxArray>;

export interface Compiled {
  (arrays: JaxArrays): JaxArrays;
  dispose(): void;
}

export interface Jax {
  init(device: 'webgpu'): Promise<string[]>;
  defaultDevice(device: 'webgpu'): unknown;
  /** Of a scalar, by the first argument. */
  grad(
    loss: (parameters: JaxArrays, others: JaxArrays) => JaxArray,
  ): (parameters: JaxArrays, others: JaxArrays) => JaxArrays;
  jit(step: (arrays: JaxArrays) => JaxArrays): Compiled;
  nn: {
    silu(x: JaxArray): JaxArray;
    softmax(x: JaxArray, axis: number): JaxArray;
  };
  numpy: {
    int32: unknown;
    array(values: Float32Array | Int32Array | number[], options?: { dtype: unknown }): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    argmax(x: JaxArray): JaxArray;
    concatenate(parts: readonly JaxArray[], axis: number): JaxArray;
    dot(a: JaxArray, b: JaxArray): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis: number, options: { keepdims: boolean }): JaxArray;
    reciprocal(x: JaxArray): JaxArray;
    split(x: JaxArray, at: readonly number[], axis: number): JaxArray[];
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    sum(x: JaxArray): JaxArray;
    subtract(a: number, b: JaxArray): JaxArray;
    take(x: JaxArray, indices: JaxArray, axis: number): JaxArray;
    transpose(x: JaxArray, axes?: readonly number[]): JaxArray;
  };
}
