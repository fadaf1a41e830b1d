/** Reading and changing a run's configuration by the path of a field, such as `ppo.batch.prompts`; and what differs between two. */
import type { RunConfig } from '../train/records';

/** What a leaf of a configuration may hold. */
export type Leaf = string | number | boolean | null | undefined | readonly (string | number)[];

type Node = Record<string, unknown>;
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isLeaf = (value: unknown): value is Leaf =>
  value === null ||
  ['string', 'number', 'boolean', 'undefined'].includes(typeof value) ||
  (Array.isArray(value) && value.every((item) => ['string', 'number'].includes(typeof item)));

/** Undefined where nothing stands there, as well as where undefined does. */
export function readPath(config: RunConfig, path: string): Leaf {
  let value: unknown = config;
  for (const key of path.split('.')) value = isNode(value) ? value[key] : undefined;
  return isLeaf(value) ? value : undefined;
}

function changed(node: Node, keys: readonly string[], value: Leaf): Node {
  const [key = '', ...rest] = keys;
  const { [key]: before, ...others } = node;
  if (rest.length > 0) {
    const inner = changed(isNode(before) ? before : {}, rest, value);
    return Object.keys(inner).length === 0 && before === undefined ? others : { ...node, [key]: inner };
  }
  return value === undefined ? others : { ...node, [key]: value };
}

/** A new configuration with one leaf changed; undefined takes it out. The fields' own definitions keep the value's type. */
export const withPath = (config: RunConfig, path: string, value: Leaf): RunConfig =>
  changed(config as unknown as Node, path.split('.'), value) as unknown as RunConfig;

export interface Difference {
  path: string;
  before: Leaf;
  after: Leaf;
}

export const sameLeaf = (a: Leaf, b: Leaf): boolean =>
  Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, i) => item === b[i])
    : a === b;

// The name says nothing about what a run does, and format and version are those of the file.
const NOT_COMPARED = new Set(['name', 'format', 'version']);

function leaves(value: unknown, path: string, into: Map<string, Leaf>): Map<string, Leaf> {
  if (isLeaf(value)) into.set(path, value);
  else if (isNode(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(inner, path ? `${path}.${key}` : key, into);
  }
  return into;
}

/** What was changed from one configuration to another, in the order of the second, then what is gone. */
export function differences(before: RunConfig, after: RunConfig): Difference[] {
  const old = leaves(before, '', new Map());
  const now = leaves(after, '', new Map());
  return [...new Set([...now.keys(), ...old.keys()])]
    .filter((path) => !NOT_COMPARED.has(path) && !sameLeaf(old.get(path), now.get(path)))
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}
