/** scripts/check-architecture.mjs: it holds back what it is there for. */

import assert from 'node:assert/strict'
import { appendFileSync, cpSync } from 'node:fs'
import { join } from 'node:path'
import { folderWith, root, run } from './commands.js'

/** What is planted at the end of a file, and what the check says then. */
const planted: readonly (readonly [what: string, path: string, text: string, says: RegExp])[] = [
  [
    'a circle of types',
    'lib/native.ts',
    "import type { NeurodeError as Planted } from './index.js'\nexport type More = Planted\n",
    /^no-circles: lib\/\S+ -> .*lib\/native\.ts/m,
  ],
  [
    'a room of serving that uses one above it',
    'lib/serve/metrics/statistics.ts',
    "import type { FastPath } from '../server/fastPath.js'\nexport type More = FastPath\n",
    /^order-of-serve: lib\/serve\/metrics\/statistics\.ts -> lib\/serve\/server\/fastPath\.ts/m,
  ],
]

describe('the check of the order of files', () => {
  function check(path?: string, text = '') {
    using folder = folderWith({})
    for (const name of ['lib', 'tsconfig.json', 'tsconfig.base.json']) {
      cpSync(join(root, name), join(folder.path, name), { recursive: true })
    }
    if (path !== undefined) appendFileSync(join(folder.path, path), text)
    return run(process.execPath, [join(root, 'scripts', 'check-architecture.mjs'), folder.path])
  }

  it('finds nothing in the tree', () => {
    assert.deepEqual(check(), { code: 0, stdout: '', output: '' })
  })

  for (const [what, path, text, says] of planted) {
    it(`finds ${what}`, () => {
      const { code, output } = check(path, text)
      assert.match(output, says)
      assert.equal(code, 1)
    })
  }
})
