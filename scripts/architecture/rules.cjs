// The order of lib's files: imports go one way, types included.
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'What two files share goes into a third, below both.',
      severity: 'error',
      from: {},
      to: { circular: true },
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
