const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const pascal = /^[A-Z][A-Za-z0-9]*$/;
/** Rooms and files are named for what they own. */
const empty = new Set(['utils', 'util', 'helpers', 'helper', 'misc', 'common']);

/** What is wrong with the name of a code file, or undefined. Dots part a name: `store.svelte.ts`, `x.gpu.test.ts`. */
export function namingComplaint(path: string): string | undefined {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  const parts = file.split('.').filter((part) => part !== '');
  const stem = parts[0] ?? '';
  const badFolder = folders.find((name) => !kebab.test(name.replace(/^\./, '')) || empty.has(name));
  if (badFolder !== undefined)
    return `${path}: the folder ${badFolder} should have a telling kebab-case name.`;
  if (empty.has(stem)) return `${path}: the name says nothing about what is inside.`;
  const isComponent = parts.includes('svelte') && pascal.test(stem);
  if (file.endsWith('.svelte'))
    return isComponent ? undefined : `${path}: components are named in PascalCase.`;
  if (parts.every((part) => kebab.test(part))) return undefined;
  // Tests of a component carry its name.
  return /\.test\.ts$/.test(file) && pascal.test(stem) ? undefined : `${path}: file names are kebab-case.`;
}
