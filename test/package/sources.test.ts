/** The checks of sources: each finds exactly the fault that is planted for it. */

import assert from 'node:assert/strict'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderWith, type Ran, root, run } from './commands.js'
import { link } from './project.js'

type Check = (folder: string) => Ran

const script =
  (name: string): Check =>
  (folder) =>
    run(process.execPath, [join(root, 'scripts', name), folder])

const biome: Check = (folder) => {
  cpSync(join(root, 'biome.json'), join(folder, 'biome.json'))
  return run(process.execPath, [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.'], {
    cwd: folder,
  })
}

const clangFormat: Check = (folder) => {
  for (const name of ['.clang-format', 'scripts/clang-format.sh']) cpSync(join(root, name), join(folder, name))
  return run(join(folder, 'scripts/clang-format.sh'), ['--dry-run', '-Werror'])
}

const types: Check = (folder) => {
  const config = { extends: join(root, 'tsconfig.base.json'), compilerOptions: { noEmit: true }, include: ['lib'] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  link(join(root, 'node_modules'), join(folder, 'node_modules'))
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])
}

const lines = (count: number, line: string) => `${line}\n`.repeat(count)

/** By fault: the check, a path, content without a fault, content with one, and the message. */
const planted: Readonly<
  Record<string, readonly [check: Check, path: string, good: string, bad: string, says: RegExp]>
> = {
  'a native source that prints': [
    script('check-sources.mjs'),
    'native/engine/planted.cc',
    '// It says "exit(1)" and prints nothing: printf(\nint planted;\n',
    '#include <cstdio>\nvoid planted() { std::printf("planted"); }\n',
    /^native\/engine\/planted\.cc:2: printf\($/m,
  ],
  'a CUDA source that ends the process': [
    script('check-sources.mjs'),
    'cuda/planted.cu',
    'void exit_kernel();\n',
    'void planted() {\n  abort();\n}\n',
    /^cuda\/planted\.cu:2: abort\($/m,
  ],
  'a file of more than 400 lines': [
    script('check-sources.mjs'),
    'test/support/planted.ts',
    lines(400, '// planted'),
    lines(401, '// planted'),
    /^test\/support\/planted\.ts: 401 lines, and a file has 400 at most/m,
  ],
  'a default export': [biome, 'lib/planted.ts', 'export const planted = 1\n', 'export default 1\n', /noDefaultExport/],
  'TypeScript that is not formatted': [
    biome,
    'lib/planted.ts',
    'export const planted = 1\n',
    'export const planted   = 1;\n',
    /lib\/planted\.ts format/,
  ],
  'C++ that is not formatted': [
    clangFormat,
    'native/planted.cc',
    'int planted = 1;\n',
    'int  planted=1 ;\n',
    /planted\.cc:1:.*-Wclang-format-violations/,
  ],
  'an error of types': [
    types,
    'lib/planted.ts',
    'export const planted = (given: readonly number[]): number => given[0] ?? 0\n',
    'export const planted = (given: readonly number[]): number => given[0]\n',
    /planted\.ts.*TS2322/,
  ],
}

describe('the checks of sources', function () {
  this.slow(10_000)

  function ran(check: Check, path: string, text: string): Ran {
    using folder = folderWith({})
    mkdirSync(dirname(join(folder.path, path)), { recursive: true })
    mkdirSync(join(folder.path, 'scripts'), { recursive: true })
    writeFileSync(join(folder.path, path), text)
    return check(folder.path)
  }

  for (const [title, [check, path, good, bad, says]] of Object.entries(planted)) {
    it(`find ${title}`, () => {
      const { code, output } = ran(check, path, good)
      assert.equal(code, 0, output)
      const found = ran(check, path, bad)
      assert.match(found.output, says)
      assert.notEqual(found.code, 0)
    })
  }
})
