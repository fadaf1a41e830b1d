/** A checkpoint as one file: safetensors, whose metadata hold what is no tensor. Readable with any safetensors library. */
import { bytesSource } from '../../lm/byte-source';
import { widen } from '../../lm/floats';
import { openSafetensors } from '../../lm/safetensors';
import { writeSafetensors } from '../../lm/safetensors-writer';
import { AppError } from '../../protocol/errors';
import type { TrainerState } from '../records';

export interface CheckpointContent {
  /** Steps done. */
  step: number;
  /** Questions taken. */
  cursor: number;
  state: TrainerState;
}

const FORMAT = 's3-web/checkpoint';

export function writeCheckpoint({ step, cursor, state }: CheckpointContent): Uint8Array<ArrayBuffer> {
  const { tensors, numbers } = state;
  // Numbers as JSON writes them come back to the bit.
  const metadata = { format: FORMAT, version: '1', run: JSON.stringify({ step, cursor, numbers }) };
  return writeSafetensors(tensors, metadata);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isNumbers = (value: unknown): value is Record<string, number> =>
  typeof value === 'object' && value !== null && Object.values(value).every((n) => typeof n === 'number');

/** @throws AppError INTEGRITY */
export async function readCheckpoint(
  bytes: Uint8Array<ArrayBuffer>,
  name = 'The checkpoint',
): Promise<CheckpointContent> {
  const { tensors, metadata } = await openSafetensors(bytesSource(name, bytes));
  const fail = (what: string): never => {
    throw new AppError('INTEGRITY', `${name} cannot be read: ${what}.`, {
      fix: 'Go on from another checkpoint.',
    });
  };
  if (metadata.get('format') !== FORMAT) fail('it is no checkpoint of a training run');
  if (metadata.get('version') !== '1') fail('it was written by another version');
  let run: Record<string, unknown>;
  try {
    run = JSON.parse(metadata.get('run') ?? '') as Record<string, unknown>;
  } catch {
    return fail('its description is damaged');
  }
  const { step, cursor, numbers } = run;
  if (!isCount(step) || !isCount(cursor) || !isNumbers(numbers)) return fail('its description is damaged');
  const read = [...tensors.values()].map(
    async ({ name: tensor, dtype, shape, offset, bytes: size, source }) => {
      if (dtype !== 'F32') fail(`${tensor.slice(0, 100)} is of type ${dtype}`);
      return { name: tensor, shape, values: widen(await source.read(offset, size), 'F32') };
    },
  );
  return { step, cursor, state: { tensors: await Promise.all(read), numbers } };
}

/** The first tensor that holds something else than numbers, or none. */
export function brokenTensor({ tensors }: TrainerState): string | undefined {
  return tensors.find(({ values }) => !values.every(Number.isFinite))?.name;
}
