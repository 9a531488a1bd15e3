/** scripts/check-architecture.mjs: it holds back what it is there for. */

import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderWith, root, run } from './commands.js'

/** What is planted at the end of a file, and what the check says then. */
const planted: readonly (readonly [what: string, path: string, text: string, says: RegExp])[] = [
  [
    'a circle of types',
    'lib/native/native.ts',
    "import type { NeurodeError as Planted } from '../index.js'\nexport type More = Planted\n",
    /^no-circles: lib\/\S+ -> .*lib\/native\/native\.ts/m,
  ],
  [
    'an import of a folder above',
    'lib/formats/npy.ts',
    "import type { Dataset as Planted } from '../data/dataset.js'\nexport type More = Planted\n",
    /^order-of-folders: lib\/formats\/npy\.ts -> lib\/data\/dataset\.ts/m,
  ],
  [
    'an import between folders of one line',
    'lib/arrays/targets.ts',
    "import type { sha256 as Planted } from '../files/sha256.js'\nexport type More = typeof Planted\n",
    /^order-of-folders: lib\/arrays\/targets\.ts -> lib\/files\/sha256\.ts/m,
  ],
  [
    'an import of a room of serve that stands above',
    'lib/serve/metrics/statistics.ts',
    "import type { FastPath } from '../server/fastPath.js'\nexport type More = FastPath\n",
    /^order-of-serve: lib\/serve\/metrics\/statistics\.ts -> lib\/serve\/server\/fastPath\.ts/m,
  ],
  [
    'a folder that nobody has given a place',
    'lib/more/planted.ts',
    "export type { ErrorCode as More } from '../base/errors.js'\n",
    /^folder-without-a-line: lib\/more\/planted\.ts/m,
  ],
]

describe('the check of the order of files', () => {
  function check(path?: string, text = '') {
    using folder = folderWith({})
    for (const name of ['lib', 'tsconfig.json', 'tsconfig.base.json']) {
      cpSync(join(root, name), join(folder.path, name), { recursive: true })
    }
    if (path !== undefined) {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true })
      appendFileSync(join(folder.path, path), text)
    }
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
