// The layers of ARCHITECTURE.md as rules: an arrow may point down, never up, and a module is entered by its index.ts.
const layers = [
  ['kernel', '^src/kernel/'],
  ['contracts', '^src/contracts/'],
  ['platform', '^src/platform/'],
  ['processes', '^src/(scheduler|conductor|cells)/'],
  ['use cases', '^src/(compute|identity|image|network)/'],
  ['faces', '^src/api/'],
  ['composition', '^src/([^/]+\\.ts$|state/|system/|cli/)'],
]

const upward = layers.slice(0, -1).map(([name], index) => ({
  name: `${name} imports nothing above it`,
  severity: 'error',
  from: { path: layers[index][1] },
  to: { path: layers.slice(index + 1).map(([, path]) => path) },
}))

/** Modules whose inside is nobody else's business. */
const modules = [
  'src/kernel',
  'src/contracts',
  'src/platform/[^/]+',
  'src/(?:scheduler|conductor|cells|compute|identity|image|network|state|system)',
  'src/api/[^/]+',
  'agent',
]
const doors = modules.map((module) => ({
  name: `${module} is entered by its index.ts`,
  severity: 'error',
  from: { pathNot: ['\\.test\\.ts$', '^test/', `^${module}/`] },
  to: { path: `^(${module})/`, pathNot: [`^${module}/index\\.ts$`, '\\.(wasm|json|sql)$'] },
}))

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...upward,
    ...doors,
    {
      name: 'no circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'a use case reaches its neighbours through ports',
      severity: 'error',
      from: { path: '^src/(compute|identity|image|network)/' },
      to: { path: '^src/(compute|identity|image|network)/', pathNot: '^src/$1/' },
    },
    {
      name: 'a face speaks only to its own use cases and the identity that authenticates',
      severity: 'error',
      from: { path: '^src/api/(compute|identity|image|network)/' },
      to: { path: '^src/(compute|identity|image|network)/', pathNot: '^src/$1/' },
    },
    {
      name: 'a compute host never touches the database, nor anything else of the control plane',
      severity: 'error',
      from: { path: '^agent/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(contracts|kernel|platform/(config|bus|lock|log|disk-image))/' },
    },
    {
      name: 'only the composition root and tests know the agent',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(compose|[^/]+)\\.ts$', '^src/(cli|system)/', '\\.test\\.ts$'] },
      to: { path: '^agent/' },
    },
    {
      // A conformance suite stands beside the port whose promises it tests.
      name: 'nothing but tests imports tests',
      severity: 'error',
      from: { path: '^(src|agent|wasm)/', pathNot: ['\\.test\\.ts$', '/conformance\\.ts$'] },
      to: { path: ['^test/', '\\.test\\.ts$'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'bun', 'default'] },
  },
}
