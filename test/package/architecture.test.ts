/** scripts/check-architecture.mjs finds the faults that it exists for. */

import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { folderWith, root, run } from './commands.js'

/** Faults that are planted at the end of a file of lib/, and the message of the check. */
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

/** Faults that are planted in native code, and the message of the check. */
const plantedIncludes: readonly (readonly [what: string, path: string, text: string, says: RegExp])[] = [
  [
    'an include of a folder above',
    'native/engine/order.cc',
    '#include "native/cpu/threads.h"\n',
    /^order-of-includes: native\/engine\/order\.cc -> native\/cpu\/threads\.h$/m,
  ],
  [
    'the same in angle brackets',
    'native/ops/math.h',
    '#include <native/engine/plan.h>\n',
    /^order-of-includes: native\/ops\/math\.h -> native\/engine\/plan\.h$/m,
  ],
  [
    'an include of one device by another',
    'cuda/executor.cu',
    '#include "native/cpu/threads.h"\n',
    /^order-of-includes: cuda\/executor\.cu -> native\/cpu\/threads\.h$/m,
  ],
  [
    'an include of more of the engine than errors by what reads requests',
    'native/serve/decimal.cc',
    '#include "native/engine/plan.h"\n',
    /^order-of-includes: native\/serve\/decimal\.cc -> native\/engine\/plan\.h$/m,
  ],
  [
    'an include of more of the CPU than its one header by the addon',
    'native/addon/addon.cc',
    '#include "native/cpu/threads.h"\n',
    /^order-of-includes: native\/addon\/addon\.cc -> native\/cpu\/threads\.h$/m,
  ],
  [
    'an include of what is compiled once for each instruction set',
    'native/cpu/threads.cc',
    '#include "native/cpu/isa/simd.h"\n',
    /^order-of-includes: native\/cpu\/threads\.cc -> native\/cpu\/isa\/simd\.h$/m,
  ],
  [
    'an include of a folder above within cuda/',
    'cuda/kernels/dense.cu',
    '#include "cuda/parameters.h"\n',
    /^order-of-includes: cuda\/kernels\/dense\.cu -> cuda\/parameters\.h$/m,
  ],
  [
    'an include of the emulator where there may be none',
    'cuda/runtime/stream.h',
    '#if !defined(NEURODE_CUDA_EMULATOR)\n#include "tools/cuda-emulator/cuda_emulator.h"\n#endif\n',
    /^include: cuda\/runtime\/stream\.h -> tools\/cuda-emulator\/cuda_emulator\.h: only under NEURODE_CUDA_EMULATOR$/m,
  ],
  [
    'an include of a path that does not begin at the root',
    'native/engine/error.h',
    '#include "plan.h"\n',
    /^include: native\/engine\/error\.h -> plan\.h: there is no such file/m,
  ],
  [
    'an include whose path a macro gives',
    'native/engine/elements.cc',
    '#include NEURODE_ANYTHING\n',
    /^include: native\/engine\/elements\.cc -> NEURODE_ANYTHING: there is no such file/m,
  ],
  [
    'a circle of headers',
    'native/engine/plan.h',
    '#include "native/engine/program.h"\n',
    /^circle-of-includes: .*native\/engine\/plan\.h/m,
  ],
  [
    'a folder that nobody has given a place',
    'native/more/planted.h',
    '#pragma once\n',
    /^native\/more\/planted\.h: it was not read$/m,
  ],
  ['a source of another kind', 'cuda/planted.cuh', '#pragma once\n', /^cuda\/planted\.cuh: it was not read$/m],
]

function plant(folder: string, path: string, text: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  appendFileSync(join(folder, path), text)
}

describe('the check of the order of files', () => {
  function check(...plants: (readonly [path: string, text: string])[]) {
    using folder = folderWith({})
    for (const name of ['lib', 'native', 'cuda', 'tools', 'third_party', 'tsconfig.json', 'tsconfig.base.json']) {
      cpSync(join(root, name), join(folder.path, name), { recursive: true })
    }
    for (const [path, text] of plants) plant(folder.path, path, text)
    return run(process.execPath, [join(root, 'scripts', 'check-architecture.mjs'), folder.path])
  }

  it('finds nothing in the tree', () => {
    assert.deepEqual(check(), { code: 0, stdout: '', output: '' })
  })

  for (const [what, path, text, says] of planted) {
    it(`finds ${what}`, () => {
      const { code, output } = check([path, text])
      assert.match(output, says)
      assert.equal(code, 1)
    })
  }

  describe('of native code', () => {
    let code: number | null
    let output: string
    before(() => {
      // All faults are planted in one run, since they do not affect each other.
      ;({ code, output } = check(...plantedIncludes.map(([, path, text]) => [path, text] as const)))
    })

    for (const [what, , , says] of plantedIncludes) {
      it(`finds ${what}`, () => {
        assert.match(output, says)
        assert.equal(code, 1)
      })
    }

    it('finds no more than that', () => {
      const found = output.trim().split('\n')
      assert.deepEqual(
        found.filter((line) => !plantedIncludes.some(([, , , says]) => says.test(line))),
        [],
      )
    })
  })
})
