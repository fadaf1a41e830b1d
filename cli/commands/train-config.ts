import { readFile } from 'node:fs/promises';
import { AppError } from '../../src/protocol/errors';
import type { RunConfig } from '../../src/train/records';
import { requireRunConfig } from '../../src/train/runs/config-schema';
import { defaultRunConfig, isPreset, PRESET_NAMES } from '../../src/train/runs/default-config';

/** A preset by its name, or a file. @throws AppError NOT_FOUND, BAD_INPUT naming the fields */
export async function readRunConfig(reference: string): Promise<RunConfig> {
  if (isPreset(reference)) return defaultRunConfig(reference);
  const text = await readFile(reference, 'utf8').catch((cause: unknown) => {
    throw new AppError('NOT_FOUND', `The configuration ${reference} cannot be read.`, {
      fix: `Give a JSON file, or a preset: ${PRESET_NAMES.join(', ')}.`,
      cause,
    });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : '';
    throw new AppError('BAD_INPUT', `${reference} is not JSON: ${reason}`, {
      fix: 'Correct it there. `s3 train --print-config small-gpu` prints a whole configuration.',
      cause,
    });
  }
  return requireRunConfig(json);
}
