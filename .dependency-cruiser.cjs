// The layers of the code: imports point downwards only.
//   app → state → agent, train, evaluation → retrieval, lm, generate → gpu → protocol
// `platform` touches the browser or Node; it is handed in, so only the outer rooms may import it.
const below = {
  protocol: [],
  gpu: ['protocol'],
  retrieval: ['gpu', 'protocol', 'lm', 'generate'],
  lm: ['gpu', 'protocol', 'retrieval', 'generate'],
  generate: ['gpu', 'protocol', 'retrieval', 'lm'],
  agent: ['gpu', 'protocol', 'retrieval', 'lm', 'generate', 'train', 'evaluation'],
  train: ['gpu', 'protocol', 'retrieval', 'lm', 'generate', 'agent', 'evaluation'],
  evaluation: ['gpu', 'protocol', 'retrieval', 'lm', 'generate', 'agent', 'train'],
  platform: ['protocol'],
};
const inner = Object.keys(below).filter((room) => room !== 'platform');
// Tests may reach for what they need to set a scene.
const tests = '\\.test\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere. Names with ? are assets that Vite resolves.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['\\?', '^virtual:', '^vitest/browser$', '^svelte$'] },
    },
    ...Object.entries(below).map(([room, lower]) => ({
      name: `${room}-imports-downwards`,
      comment: `src/${room} may import ${lower.join(', ') || 'nothing else of src'}.`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: tests },
      to: { path: '^src/', pathNot: [room, ...lower].map((name) => `^src/${name}/`) },
    })),
    {
      name: 'platform-is-handed-in',
      severity: 'error',
      from: { path: `^src/(${inner.join('|')})/`, pathNot: tests },
      to: { path: '^src/platform/' },
    },
    {
      name: 'state-knows-no-pages',
      severity: 'error',
      from: { path: '^src/state/', pathNot: tests },
      to: { path: '^src/app/' },
    },
    {
      name: 'workers-and-cli-know-no-pages',
      severity: 'error',
      from: { path: '^(workers|cli)/' },
      to: { path: '^src/(app|state)/' },
    },
    {
      name: 'src-stands-alone',
      comment: 'Only types of a worker may be imported; the page starts it by its URL.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: '^(cli|tools|tests|bench|workers)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-test-in-product',
      severity: 'error',
      from: { pathNot: [tests, '^tests/', '\\.e2e\\.ts$'] },
      to: { path: ['\\.test\\.ts$', '^tests/'] },
    },
    {
      name: 'product-uses-runtime-dependencies',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: [tests, '^src/platform/node/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|dist-cli|models)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'browser', 'default', 'types', 'svelte'],
    },
  },
};
