// The order of lib's folders and files: imports, including those of types, go in one direction.

/** Folders of a line import only from the lines below it; folders of the same line do not import from each other. */
const lines = [
  ['cli', 'index.ts'],
  ['serve', 'plot', 'importance', 'debug.ts'],
  ['tabular'],
  ['models'],
  ['callbacks', 'fit', 'gradients'],
  ['interchange'],
  ['persistence', 'feeds', 'inference'],
  ['core'],
  ['tables'],
  ['evaluation', 'search', 'training'],
  ['layers'],
  ['preprocessing'],
  ['data'],
  ['formats'],
  ['arrays', 'distribution', 'files'],
  ['checks', 'native'],
  ['base', 'foreignNames'],
]

const among = (names) => `^lib/(${names.join('|').replaceAll('.', '\\.')})(?:/|$)`

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'What two files share goes into a third, below both.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...lines.map((names, i) => ({
      name: 'order-of-folders',
      comment: 'A folder uses only those of the lines below its own.',
      severity: 'error',
      from: { path: among(names) },
      to: { path: '^lib/', pathNot: [`^lib/$1(?:/|$)`, ...lines.slice(i + 1).map(among)] },
    })),
    {
      name: 'folder-without-a-line',
      comment: 'A new folder gets its place in the order above.',
      severity: 'error',
      from: { path: '^lib/', pathNot: lines.map(among) },
      to: {},
    },
    ...require('./serve.cjs'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    moduleSystems: ['es6'],
  },
}
