/** scripts/docs.mjs and scripts/api.mjs find generated documents that are older than the declarations. */

import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderWith, root, run } from './commands.js'
import { link } from './project.js'

describe('the check of generated documentation', function () {
  this.slow(30_000)

  /** Runs the script on a copy of the tree in which `change` has changed a file. */
  function check(script: 'docs' | 'api', path: string, change: (text: string) => string) {
    using folder = folderWith({})
    const isDeclaration = (source: string) => !source.endsWith('.js')
    for (const name of ['dist', 'docs/api', 'docs/reference', 'package.json', 'tsconfig.base.json']) {
      cpSync(join(root, name), join(folder.path, name), { recursive: true, filter: isDeclaration })
    }
    link(join(root, 'node_modules'), join(folder.path, 'node_modules'))
    const file = join(folder.path, path)
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    return run(process.execPath, [join(root, 'scripts', `${script}.mjs`), '--check', folder.path])
  }

  it('finds nothing in the tree', () => {
    const { code, output } = check('docs', 'package.json', (text) => text)
    assert.deepEqual({ code, output }, { code: 0, output: '' })
  })

  it('shows what was added to the public API', () => {
    const plant = (text: string) => `${text}export declare function planted(given: number): string;\n`
    const { code, output } = check('api', 'dist/index.d.ts', plant)
    assert.match(output, /^docs\/api\/neurode\.api\.md is not what the package exports/m)
    assert.match(output, /^\+function planted\(given: number\): string;$/m)
    assert.equal(code, 1)
  })

  it('shows what changed in a type that several entries use', () => {
    const plant = (text: string) => text.replace(/^(export interface \w+.*\{)$/m, '$1\n    readonly planted: 1;')
    const { code, output } = check('api', 'dist/plot/picture.d.ts', plant)
    assert.match(output, /^\+ +readonly planted: 1;$/m)
    assert.equal(code, 1)
  })

  it('finds a reference that is older than a docstring', () => {
    const plant = (text: string) => `/** Planted. */\n${text}`
    const { code, output } = check('docs', 'dist/index.d.ts', plant)
    assert.match(output, /^docs\/reference is older than the declarations/m)
    assert.equal(code, 1)
  })
})
