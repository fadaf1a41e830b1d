import { AppError } from '../../protocol/errors';
import { ENCODERS, resolveEncoder } from '../encoder/catalog';
import { passagePrefix, queryPrefix } from '../encoder/e5';
import type { PackManifest } from './pack-manifest';

/**
 * Refuses a pack whose vectors our encoders cannot be compared with. That the encoder at hand makes the very vectors of the pack is seen
 * again when it is opened, from its first passage.
 * @throws AppError UNSUPPORTED, with the reason
 */
export function requireOurEncoder({ encoder, prefixes }: Pick<PackManifest, 'encoder' | 'prefixes'>): void {
  if (encoder === null) return;
  const refuse = (why: string, cause?: unknown): AppError =>
    new AppError('UNSUPPORTED', `This index was made with another encoder: ${why}.`, {
      fix: 'Build it again with an encoder of this project, or without one and search by words.',
      ...(cause !== undefined && { cause }),
    });
  if (prefixes && (prefixes.query !== queryPrefix || prefixes.passage !== passagePrefix)) {
    const quoted = (text: string): string => JSON.stringify(text);
    throw refuse(
      `${encoder.model} with the prefixes ${quoted(prefixes.query)} and ${quoted(prefixes.passage)}, where ours are ` +
        `${quoted(queryPrefix)} and ${quoted(passagePrefix)}`,
    );
  }
  const ours = ENCODERS.find(({ id }) => id === encoder.model);
  if (ours && ours.dimensions !== encoder.dimensions) {
    throw refuse(
      `one called ${encoder.model} whose vectors have ${encoder.dimensions} dimensions, where ours have ${ours.dimensions}`,
    );
  }
  try {
    resolveEncoder({ id: encoder.model, revision: encoder.revision, dtype: encoder.dtype });
  } catch (cause) {
    throw refuse(`there is no encoder "${encoder.model}"`, cause);
  }
}
