import { join } from 'node:path';
import { isHubReference, parseHubReference } from '../src/lm/import/hub-reference';
import { HubSource } from '../src/lm/import/hub-source';
import type { ModelSource } from '../src/lm/import/model-source';
import { systemClock } from '../src/platform/clock';
import { FolderSource } from './folder-source';
import { modelsFolder } from './folders';
import { embeddedModel } from './registry';

export interface HubSettings {
  /** Default: `HF_ENDPOINT`, else Hugging Face. */
  hub?: string | undefined;
  /** Instead of the one in the reference. */
  revision?: string | undefined;
}

/** A repository of the hub, with the token that the environment holds, if any. */
export function openHub(reference: string, { hub, revision }: HubSettings = {}): HubSource {
  const { HF_ENDPOINT, HF_TOKEN } = process.env;
  const parsed = parseHubReference(reference);
  const address = hub ?? HF_ENDPOINT;
  return new HubSource({
    ...parsed,
    ...(revision !== undefined && { revision }),
    ...(address !== undefined && { hub: address }),
    ...(HF_TOKEN !== undefined && HF_TOKEN !== '' && { token: HF_TOKEN }),
    fetch: (url, init) => fetch(url, init),
    clock: systemClock,
  });
}

/** `demo`, `hf:owner/name[@revision]`, a folder or a file. @throws AppError NOT_FOUND, BAD_INPUT */
export async function openReference(reference: string, settings?: HubSettings): Promise<ModelSource> {
  if (isHubReference(reference)) return openHub(reference, settings);
  const embedded = await embeddedModel(reference);
  return FolderSource.open(embedded === undefined ? reference : join(modelsFolder, reference));
}
