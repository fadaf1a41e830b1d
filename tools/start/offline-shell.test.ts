import { expect, it } from 'vitest';
import { shellOf } from './offline-shell';

const content = (path: string): string => (path === 'index.html' ? '<title>1</title>' : path);

it('lists the files of the build as they are named, and the others with their content', () => {
  const shell = shellOf(['index.html', 'assets/b.js', 'assets/a.css', '.vite/manifest.json'], content);
  expect(shell.map(({ url }) => url)).toEqual([
    ...['assets/a.css', 'assets/b.js', 'index.html'],
    ...['icon.svg', 'manifest.webmanifest', 'packs.json'],
  ]);
  expect(shell.filter(({ revision }) => revision === null).map(({ url }) => url)).toEqual([
    'assets/a.css',
    'assets/b.js',
  ]);
});

it('is another list when a file changes that keeps its name, and else the same', () => {
  const files = ['index.html', 'assets/a.js'];
  expect(shellOf([...files].reverse(), content)).toEqual(shellOf(files, content));
  const changed = shellOf(files, (path) => (path === 'index.html' ? '<title>2</title>' : content(path)));
  expect(changed.find(({ url }) => url === 'index.html')?.revision).not.toBe(
    shellOf(files, content).find(({ url }) => url === 'index.html')?.revision,
  );
});
