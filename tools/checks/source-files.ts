import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * The project's code files: those that git knows or would take, by path relative to the root.
 * @param extensions With the dot.
 */
export function sourceFiles(root: string, extensions: readonly string[]): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return listed
    .split('\n')
    .filter((path) => extensions.some((extension) => path.endsWith(extension)))
    .filter((path) => existsSync(`${root}/${path}`))
    .sort();
}
