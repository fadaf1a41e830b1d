import type { WeightType } from '../src/protocol/model-import';
import { oneOf } from './command';

const TYPES = ['f32', 'f16', 'q8', 'q4'] as const satisfies readonly WeightType[];

export const dtypeOption = {
  type: 'string',
  value: 'T',
  help: 'of the matrices: f32, f16, q8, q4; default: as stored where that is in blocks, else q4 in packs, f32 otherwise',
} as const;

/** Undefined where the option is not given. */
export const readDType = (text: string | undefined): WeightType | undefined =>
  text === undefined ? undefined : oneOf('dtype', text, TYPES, 'q4');
