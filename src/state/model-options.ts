import * as v from 'valibot';
import type { Fetch } from '../protocol/clock';
import { AppError } from '../protocol/errors';
import { withAdapter } from '../protocol/model-ids';
import type { StoredModel } from '../protocol/model-library';
import { RegistrySchema, type PublishedModel } from '../protocol/registry';
import { ENCODERS } from '../retrieval/encoder/catalog';
import type { ModelOption } from './laboratory';
import { settingsOf } from './model-context';

export interface ModelOptions {
  models: ModelOption[];
  encoders: ModelOption[];
  published: PublishedModel[];
}

/** What can be chosen: what the registry of the page lists, and the encoders of the hub. */
export async function fetchModelOptions(fetch: Fetch, modelsUrl: string): Promise<ModelOptions> {
  const response = await fetch(`${modelsUrl}registry.json`);
  if (!response.ok) {
    throw new AppError('NOT_FOUND', 'The list of the models that come with the page is not there.', {
      fix: 'Reload the page.',
      recoverable: true,
    });
  }
  const registry = v.safeParse(RegistrySchema, await response.json());
  if (!registry.success) {
    throw new AppError('INTEGRITY', 'The list of the models that come with the page is not sound.', {
      fix: 'Reload the page.',
      recoverable: true,
    });
  }
  const embedded = new Map(registry.output.models.map((model) => [model.id, model]));
  const models = registry.output.models
    .filter(({ role }) => role === 'language-model' || role === 'adapter')
    .map(({ id, base, title, description, bytes, licence, search }) => ({
      ...{ id: base === undefined ? id : withAdapter(base, id), name: title, note: description },
      ...{ bytes, licence },
      ...(search && { search, trainedFor: 'demo' as const }),
    }));
  const encoders = ENCODERS.map(({ id, name, note, bytes }) => ({
    id,
    name,
    note,
    bytes: embedded.get(id)?.bytes ?? bytes,
  }));
  return { models, encoders, published: registry.output.published };
}

/** What of this device can be chosen: every complete model, and each of its adapters. */
export function storedOptions(
  stored: readonly StoredModel[],
  published: readonly PublishedModel[],
): ModelOption[] {
  return stored
    .filter(({ state }) => state === 'ready')
    .flatMap(({ id, name, bytes, origin, config, settings, adapters }) => {
      const known =
        origin.kind === 'hub'
          ? published.find(({ repository }) => repository === origin.repository)
          : undefined;
      const option: ModelOption = {
        ...{ id, name, bytes, note: known?.description ?? '', stored: settingsOf(config, settings) },
        ...(known && { trainedFor: known.group }),
        ...(known?.search && { search: known.search }),
      };
      return [
        option,
        ...adapters.map((adapter) => ({
          ...option,
          id: withAdapter(id, adapter.id),
          name: `${name} + ${adapter.name}`,
          bytes: bytes + adapter.bytes,
        })),
      ];
    });
}
