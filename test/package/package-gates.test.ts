/** scripts/check-package.mjs: every gate finds the faults that it exists for. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderWith, root, run } from './commands.js'

interface Manifest {
  [key: string]: unknown
  scripts?: Record<string, string>
  exports: { [path: string]: Record<string, unknown>; '.': Record<string, unknown> }
}

/** Plants a fault in the package in `folder`. */
type Plant = (folder: string) => void

const write =
  (path: string, text: string | Buffer): Plant =>
  (folder) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }

const edit =
  (change: (manifest: Manifest) => void): Plant =>
  (folder) => {
    const path = join(folder, 'package.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest
    change(manifest)
    writeFileSync(path, JSON.stringify(manifest))
  }

const planted: readonly [title: string, plant: Plant, says: RegExp][] = [
  [
    '20 MB',
    write('native/large', randomBytes(20_000_000)),
    /size: it has \d{8} bytes when it is packed, and may have 20000000/,
  ],
  ['a source map', write('dist/index.js.map', '{}'), /files: it holds dist\/index\.js\.map/],
  ['a source', write('dist/index.ts', ''), /files: it holds dist\/index\.ts/],
  ['a test', write('native/cpu/ops_test.cc', ''), /files: it holds a test: native\/cpu\/ops_test\.cc/],
  ['a folder of tests', write('dist/test/fit.js', ''), /files: it holds a test: dist\/test\/fit\.js/],
  ['binding.gyp', write('binding.gyp', '{}'), /files: it holds binding\.gyp/],
  [
    'something else in prebuilds',
    write('prebuilds/linux-x64/notes', ''),
    /files: it holds prebuilds\/linux-x64\/notes/,
  ],
  [
    'the name of a source map',
    (folder) => appendFileSync(join(folder, 'dist', 'index.js'), '\n//# sourceMappingURL=index.js.map\n'),
    /source maps: dist\/index\.js names a source map/,
  ],
  [
    'a page that leads out of the package',
    write('docs/more.md', '[the tests](../test/fit.test.ts)'),
    /links: docs\/more\.md leads to \.\.\/test\/fit\.test\.ts, which is not in the package/,
  ],
  [
    'no prebuilt addon',
    (folder) => rmSync(join(folder, 'prebuilds'), { recursive: true }),
    /prebuilds: it has no prebuilt addon/,
  ],
  [
    'an install script',
    edit((manifest) => {
      manifest.scripts = { install: 'node-gyp-build' }
    }),
    /scripts: it has a script: install/,
  ],
  [
    'no word to npm about binding.gyp',
    edit((manifest) => {
      delete manifest.gypfile
    }),
    /scripts: .*gypfile/,
  ],
  [
    'types that come last',
    edit(({ exports: { '.': main } }) => {
      main.require = { default: './dist/index.cjs', types: './dist/index.d.cts' }
    }),
    /exports: \.: require: 'types' must come first/,
  ],
  [
    'an export of nothing',
    edit((manifest) => {
      const branch = { types: './dist/more.d.cts', default: './dist/more.cjs' }
      manifest.exports['./more'] = { import: branch, require: branch }
    }),
    /exports: \.\/more: import: there is no \.\/dist\/more\.d\.cts/,
  ],
  [
    'an export that cannot be required',
    edit(({ exports: { '.': main } }) => {
      delete main.require
    }),
    /exports: \.: there is no condition 'require'/,
  ],
  [
    'another main than what require gives',
    edit((manifest) => {
      manifest.main = './dist/index.js'
    }),
    /exports: main is \.\/dist\/index\.js, and not/,
  ],
  [
    'no types for what knows no exports',
    edit((manifest) => {
      delete manifest.typesVersions
    }),
    /exports: typesVersions does not name the types of \.\/plot/,
  ],
  [
    'a dependency',
    edit((manifest) => {
      manifest.dependencies = { fastify: '^5.0.0' }
    }),
    /dependencies: it depends on fastify/,
  ],
  [
    'a bundled package without its licence',
    (folder) => {
      const path = join(folder, 'THIRD-PARTY.md')
      writeFileSync(path, readFileSync(path, 'utf8').replace('## ajv ', '## other '))
    },
    /licenses: THIRD-PARTY\.md has no licence of ajv\n/,
  ],
  [
    'a licence without its text',
    (folder) => {
      const path = join(folder, 'THIRD-PARTY.md')
      const text = readFileSync(path, 'utf8')
      writeFileSync(path, text.replace(/(## fastify .*\n\n```text\n)[\s\S]*?(?=\n```)/, '$1MIT'))
    },
    /licenses: THIRD-PARTY\.md has no licence of fastify\n/,
  ],
  [
    'a file of another package',
    write('dist/shared/other.cjs', '// node_modules/@some/other/index.js\nmodule.exports = 1\n'),
    /licenses: THIRD-PARTY\.md has no licence of @some\/other\n/,
  ],
  [
    'what publint finds',
    edit((manifest) => {
      manifest.main = './dist/nothing.js'
    }),
    /publint: .*nothing\.js/,
  ],
  [
    'no types',
    (folder) => rmSync(join(folder, 'dist', 'index.d.cts')),
    /types: node16: [\s\S]*types: nodenext: [\s\S]*types: bundler: /,
  ],
  [
    'the types of a package that users need not have',
    (folder) => appendFileSync(join(folder, 'dist', 'index.d.cts'), "export { FastifyInstance } from 'fastify'\n"),
    /types: node16: [\s\S]*Cannot find module 'fastify'/,
  ],
  [
    'types that do not check',
    write('dist/base/errors.d.cts', 'export type ErrorCode = Nothing\n'),
    /types: node16: [\s\S]*errors\.d\.cts/,
  ],
  [
    'an addon that no other gate lets pass',
    (folder) => {
      for (const target of readdirSync(join(folder, 'prebuilds')))
        rmSync(join(folder, 'prebuilds', target), { recursive: true })
      mkdirSync(join(folder, 'prebuilds', 'linux-x64'))
      cpSync('/bin/true', join(folder, 'prebuilds', 'linux-x64', 'neurode.glibc.node'))
    },
    /binaries: [\s\S]*exports: it does not export napi_register_module_v1/,
  ],
]

describe('the gates of the package', function () {
  this.slow(10_000)

  function check(plant: Plant, ...options: readonly string[]) {
    using folder = folderWith({})
    const copy = join(folder.path, 'package')
    cpSync(join(root, 'build', 'package'), copy, { recursive: true })
    plant(copy)
    return run(process.execPath, [join(root, 'scripts', 'check-package.mjs'), ...options, copy])
  }

  before(function () {
    if (process.platform !== 'linux') this.skip()
  })

  it('let the package pass as it is', () => {
    const { code, output } = check(() => {})
    assert.equal(code, 0, output)
  })

  for (const [title, plant, says] of planted) {
    it(`hold back ${title}`, () => {
      const [gate = ''] = says.source.split(':')
      const { code, output } = check(plant, '--only', gate)
      assert.match(output, says)
      assert.equal(code, 1)
    })
  }
})

describe('npm run pack -- --release', () => {
  it('packs nothing when a prebuilt addon is missing', function () {
    const all = ['darwin-arm64', 'darwin-x64', 'win32-x64'].every((target) =>
      readdirSync(join(root, 'prebuilds')).includes(target),
    )
    if (all) this.skip()
    const { code, output } = run(process.execPath, [join(root, 'scripts', 'pack.mjs'), '--release'])
    assert.equal(code, 1)
    assert.match(output, /Not packed: prebuilds\/ lacks .*win32-x64\/neurode\.node/)
  })
})
