/**
 * Who may import whom inside the engine. A folder may import itself and what stands in its list,
 * and nothing else; ARCHITECTURE.md draws the same table and a test compares the two.
 */
const SRC = '^packages/tidemark/src/'

const LAYERS = {
  base: [],
  graph: ['base'],
  record: ['base', 'graph'],
  time: ['base', 'graph'],
  state: ['base', 'graph', 'record', 'time'],
  operator: ['base', 'graph', 'record', 'time', 'state'],
  channel: ['base', 'graph', 'record'],
  task: ['base', 'graph', 'record', 'time', 'state', 'operator', 'channel'],
  // Coordinator and job speak to subtasks in the messages of base/protocol.ts, never by import.
  checkpoint: ['base', 'graph', 'record', 'state'],
  job: ['base', 'graph', 'record', 'state', 'checkpoint'],
  api: ['base', 'graph', 'record', 'state'],
  observe: ['base', 'graph'],
  connector: ['base', 'graph', 'record'],
  host: [
    'base', 'graph', 'record', 'time', 'state', 'operator', 'channel', 'task', 'checkpoint', 'job', 'api',
    'observe', 'connector', 'index.ts',
  ],
  testing: [
    'base', 'graph', 'record', 'time', 'state', 'operator', 'channel', 'task', 'checkpoint', 'job', 'api',
    'observe', 'connector', 'host',
  ],
  rest: ['base', 'graph', 'observe', 'checkpoint', 'api', 'host'],
  cli: ['base', 'graph', 'observe', 'checkpoint', 'api', 'host', 'rest', 'index.ts'],
}

/** Only these touch the world; everything else gets it through base/ports.ts. */
const EDGE = ['host', 'connector', 'rest', 'cli', 'testing', 'state/lmdb']

module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(([layer, allowed]) => ({
      name: `layer-${layer}`,
      comment: `${layer} may import ${allowed.join(', ') || 'nothing'}`,
      severity: 'error',
      from: { path: `${SRC}${layer}/` },
      to: { path: SRC, pathNot: [layer, ...allowed].map((name) => `${SRC}${name}${name.endsWith('.ts') ? '$' : '/'}`) },
    })),
    {
      name: 'no-cycles',
      comment: 'two files that need each other are one thing or need a third',
      severity: 'error',
      from: { path: SRC },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'world-at-the-edge',
      comment: 'node: and packages are for host, connector, rest, cli and state/lmdb; types of a specification may go anywhere',
      severity: 'error',
      from: { path: SRC, pathNot: EDGE.map((layer) => `${SRC}${layer}/`) },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'lmdb-behind-its-port',
      comment: 'native and optional: one file knows it, and whoever makes a store; nobody else needs it installed',
      severity: 'error',
      from: { path: SRC, pathNot: [`${SRC}state/lmdb/`, `${SRC}host/`] },
      to: { path: [`${SRC}state/lmdb/`, 'node_modules/lmdb/'] },
    },
    {
      name: 'resolvable',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: { path: '^(packages|examples)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'public-face-only',
      comment: 'examples use what users have: the package, not its insides',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: SRC },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      from: { path: SRC },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['/dist/', '/test/'] },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default', 'types'] },
  },
}
