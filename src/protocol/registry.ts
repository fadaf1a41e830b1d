/** `models/registry.json`: the models that come with the page, what each file must be, and published ones that can be fetched. */
import * as v from 'valibot';

const text = v.pipe(v.string(), v.nonEmpty());
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Names of path segments, joined by slashes; neither absolute nor upwards. */
const path = v.pipe(
  v.string(),
  v.regex(/^(?!.*\.\.)[\w-][\w.-]*(\/[\w-][\w.-]*)*$/, 'not a plain relative path'),
);

export const RegistryFileSchema = v.object({
  path,
  /** Lower-case hexadecimal. */
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'not a SHA-256')),
  bytes,
});

export const RegistryModelSchema = v.object({
  /** The folder's name under `models/`, and what settings and the command line call it. */
  id: v.pipe(v.string(), v.regex(/^[\w-][\w.-]*$/, 'not a folder name')),
  title: text,
  /** What it is for: `language-model`, `encoder`, `adapter`. */
  role: text,
  /** For an adapter: the id of the model that it is for. It is loaded with it. */
  base: v.optional(text),
  description: v.string(),
  licence: text,
  howMade: v.string(),
  /** Of all files together. */
  bytes,
  files: v.pipe(v.array(RegistryFileSchema), v.nonEmpty()),
  /** For a searcher: the settings it was trained with, which runs with it start from. */
  search: v.optional(
    v.object({
      promptStyle: v.picklist(['full', 'compact']),
      documentsPerQuery: v.pipe(v.number(), v.integer(), v.minValue(1)),
    }),
  ),
});

/** A checkpoint that others have published and that can be fetched from the hub. None of its bytes come with the page. */
export const PublishedModelSchema = v.object({
  /** `owner/name` on the hub. */
  repository: v.pipe(v.string(), v.regex(/^[\w.-]+\/[\w.-]+$/, 'not owner/name')),
  /** Branch, tag or commit. */
  revision: text,
  title: text,
  /** What it is for. */
  description: text,
  group: v.picklist(['general', 's3', 'search-r1', 'deepretrieval']),
  licence: text,
  /** Element type of its files. */
  storedAs: v.picklist(['bf16', 'f32']),
  /** How its matrices are best kept here. */
  weights: v.picklist(['q4', 'q8', 'f16', 'f32']),
  /** What `config.json` says of its architecture; sizes are computed from it. */
  config: v.record(v.string(), v.unknown()),
  search: v.optional(
    v.object({
      promptStyle: v.picklist(['full', 'compact']),
      documentsPerQuery: v.pipe(v.number(), v.integer(), v.minValue(1)),
    }),
  ),
});

export const RegistrySchema = v.object({
  models: v.array(RegistryModelSchema),
  published: v.optional(v.array(PublishedModelSchema), []),
});

export type RegistryFile = v.InferOutput<typeof RegistryFileSchema>;
export type RegistryModel = v.InferOutput<typeof RegistryModelSchema>;
export type PublishedModel = v.InferOutput<typeof PublishedModelSchema>;
export type Registry = v.InferOutput<typeof RegistrySchema>;
