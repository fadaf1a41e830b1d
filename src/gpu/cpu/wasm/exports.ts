import type { Floats } from '../memory';

type Run<Result = void> = (...of: number[]) => Result;

/** What the module exports; addresses and strides in bytes. */
export interface Exports {
  dotProduct: Run;
  outerProduct: Run;
  widenHalves: Run;
  widenQ8: Run;
  widenQ4: Run;
  maximum: Run<number>;
  exponentiate: Run<number>;
  exponentialSums: Run<[number, number]>;
  scaleRow: Run;
  scoreGradient: Run;
  gateRow: Run;
  gateGradientRow: Run;
  logitGradientRow: Run;
  rmsNorm: Run;
  normGradient: Run;
  adamW: Run;
}

export const F32 = 4;

/** The address of an element. */
export const addressOf = (of: Floats, start: number): number => of.address + F32 * start;
