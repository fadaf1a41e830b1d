/** `models/registry.json`: the models that come with the page, and what each file must be. */
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

export const RegistrySchema = v.object({ models: v.array(RegistryModelSchema) });

export type RegistryFile = v.InferOutput<typeof RegistryFileSchema>;
export type RegistryModel = v.InferOutput<typeof RegistryModelSchema>;
export type Registry = v.InferOutput<typeof RegistrySchema>;
