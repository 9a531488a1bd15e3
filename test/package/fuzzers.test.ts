/** scripts/fuzz.sh: it ends with an error if a native reader gives wrong values or reads outside its buffer. */

import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderWith, root, run } from './commands.js'

/** By fault: the text of native/serve/decimal.cc that is replaced, its replacement, and the fuzzer's message. */
const planted = {
  'a wrong number': ['to_chars(to, end, value)', 'to_chars(to, end, value + 1)', /deadly signal/],
  'a read behind the end': [
    '(text, end, options)',
    '(text, end + 1, options)',
    /AddressSanitizer: heap-buffer-overflow/,
  ],
} as const

describe('the fuzz of the native readers', function () {
  this.slow(60_000)
  let folder: ReturnType<typeof folderWith>

  before(function () {
    // Only clang has libFuzzer.
    if (process.platform !== 'linux' || run('sh', ['-c', 'command -v clang++']).code !== 0) return this.skip()
    folder = folderWith({})
    for (const name of ['CMakeLists.txt', 'cmake', 'native', 'scripts', 'test/fuzz', 'third_party']) {
      const filter = (path: string) => !path.includes('node_modules')
      cpSync(join(root, name), join(folder.path, name), { recursive: true, filter })
    }
  })
  after(() => folder?.[Symbol.dispose]())

  function fuzz() {
    rmSync(join(folder.path, 'build/fuzz/found'), { recursive: true, force: true })
    return run(join(folder.path, 'scripts/fuzz.sh'), ['10', 'decimals'])
  }

  for (const [title, [text, instead, says]] of Object.entries(planted)) {
    it(`finds ${title}`, () => {
      const path = join(folder.path, 'native/serve/decimal.cc')
      const source = readFileSync(path, 'utf8')
      assert.ok(source.includes(text))
      writeFileSync(path, source.replace(text, instead))
      const { code, output } = fuzz()
      writeFileSync(path, source)
      assert.match(output, says)
      assert.notEqual(code, 0)
    })
  }
})
