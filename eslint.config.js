import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

export default defineConfig(
  {
    ignores: [
      'dist/',
      'dist-cli/',
      'node_modules/',
      'bench/node_modules/',
      'models/',
      'public/',
      'test-results/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.svelte'],
    extends: [ts.configs.strictTypeChecked],
    languageOptions: {
      globals: { ...globals.browser, ...globals.node },
      parserOptions: {
        projectService: true,
        extraFileExtensions: ['.svelte'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      // `[...text]` splits by code point, which is what is meant wherever it is written.
      '@typescript-eslint/no-misused-spread': 'off',
      // Control characters are filtered on purpose.
      'no-control-regex': 'off',
      // TypeScript itself reports unknown names.
      'no-undef': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    extends: [svelte.configs.recommended],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      // The one door for HTML is SafeHtml.svelte, which cleans it first.
      'svelte/no-at-html-tags': 'error',
      // The content security policy refuses style attributes in markup; classes and `style:` directives pass it.
      'svelte/no-inline-styles': ['error', { allowTransitions: true }],
      'svelte/no-target-blank': 'error',
      // The page has one route document and no base path.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  {
    files: ['**/*.svelte'],
    rules: {
      // Imported components have no type information here; svelte-check checks the same places with it.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    // Numeric loops run over typed arrays whose index is in bounds by construction; a check per element would cost
    // more than the arithmetic.
    files: ['src/{gpu,lm,retrieval,train}/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['src/app/widgets/SafeHtml.svelte'], rules: { 'svelte/no-at-html-tags': 'off' } },
  {
    files: ['**/*.test.ts', 'tests/**/*.ts'],
    rules: {
      // A test states what it expects to be there; the next line fails if it is not.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], languageOptions: { globals: globals.node } },
);
