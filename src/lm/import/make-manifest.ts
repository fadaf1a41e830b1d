import type { PackFile, PackManifest, PackTensor } from '../formats/pack-manifest';
import type { ImportPlan } from './import-plan';
import type { ModelTexts } from './model-texts';

export interface ManifestParts {
  plan: ImportPlan;
  texts: ModelTexts;
  /** As written, in the order of the plan's shards. */
  shards: PackFile[];
  files: PackFile[];
}

/** The manifest of a pack whose files are written. */
export function makeManifest({ plan, texts, shards, files }: ManifestParts): PackManifest {
  const { model, summary } = plan;
  const tensors = new Map<string, PackTensor>();
  plan.shards.forEach(({ pieces }, shard) => {
    for (const { tensor, offset, rows } of pieces) {
      const { name, type, shape } = tensor;
      const entry = tensors.get(name) ?? { name, type, shape: [...shape], pieces: [] };
      entry.pieces.push({ shard, offset, rows });
      tensors.set(name, entry);
    }
  });
  const { generationConfig, chatTemplate } = texts;
  return {
    format: 's3-pack',
    version: 1,
    name: summary.name,
    ...(summary.revision !== undefined && { revision: summary.revision }),
    ...(summary.licence !== undefined && { licence: summary.licence }),
    source: {
      container: model.container,
      files: model.weightFiles.map(({ name, size, version }) => ({
        path: name,
        bytes: size,
        ...(version !== undefined && (/^[0-9a-f]{64}$/.test(version) ? { sha256: version } : { version })),
      })),
    },
    weights: summary.weights,
    parameters: summary.parameters,
    config: model.config,
    ...(generationConfig && { generationConfig }),
    ...(chatTemplate !== undefined && { chatTemplate }),
    ...{ shards, files },
    tensors: [...tensors.values()],
  };
}

export const manifestBytes = (manifest: PackManifest): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
