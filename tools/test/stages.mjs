// The stages of `npm test`: what each runs, and how many checks it counts for.
import { join } from 'node:path';
import { findLavapipe } from '../browser/find.mjs';

/**
 * @typedef {{
 *   name: string,
 *   group: 'static' | 'build' | 'tests',
 *   script: string,
 *   args: string[],
 *   report?: 'vitest' | 'playwright',
 * }} Stage `script` is a JavaScript file run by this Node; a stage without `report` counts as one check.
 */

/** @param {string} path inside node_modules */
const tool = (path) => join('node_modules', ...path.split('/'));
const tsx = tool('tsx/dist/cli.mjs');

/**
 * @param {string} name
 * @param {string} project
 * @returns {Stage}
 */
const vitest = (name, project) => ({
  name,
  group: 'tests',
  script: tool('vitest/vitest.mjs'),
  args: ['run', '--project', project],
  report: 'vitest',
});

/** @returns {Stage[]} */
export function stages() {
  const lavapipe = 'manifest' in findLavapipe();
  return [
    // The longest first, so that the two lanes end together.
    {
      name: 'lint',
      group: 'static',
      script: tool('eslint/bin/eslint.js'),
      args: ['.', '--max-warnings', '0'],
    },
    { name: 'format', group: 'static', script: tool('prettier/bin/prettier.cjs'), args: ['--check', '.'] },
    { name: 'types', group: 'static', script: tool('typescript/bin/tsc'), args: ['--noEmit'] },
    {
      name: 'svelte-check',
      group: 'static',
      script: tool('svelte-check/bin/svelte-check'),
      args: ['--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human'],
    },
    {
      name: 'layers',
      group: 'static',
      script: tool('dependency-cruiser/bin/dependency-cruise.mjs'),
      args: ['src', 'workers', 'cli', 'tools', 'tests'],
    },
    { name: 'file-sizes', group: 'static', script: tsx, args: ['tools/checks/file-sizes.ts'] },
    { name: 'file-names', group: 'static', script: tsx, args: ['tools/checks/file-names.ts'] },
    { name: 'generated', group: 'static', script: tsx, args: ['tools/checks/generate.ts', '--check'] },
    { name: 'lean-install', group: 'static', script: tsx, args: ['tools/checks/lean-install.ts'] },
    {
      name: 'build',
      group: 'build',
      script: tool('vite/bin/vite.js'),
      args: ['build', '--logLevel', 'warn'],
    },
    { name: 'bundle', group: 'build', script: tsx, args: ['tools/checks/bundle.ts'] },
    vitest('unit', 'node'),
    vitest('gpu-swiftshader', 'gpu-swiftshader'),
    ...(lavapipe ? [vitest('gpu-lavapipe', 'gpu-lavapipe')] : []),
    vitest('browser', 'browser'),
    {
      name: 'e2e',
      group: 'tests',
      script: tool('@playwright/test/cli.js'),
      args: ['test'],
      report: 'playwright',
    },
  ];
}
