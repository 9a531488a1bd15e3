/** Loading the addon: it happens only when needed, from the place that was named, and errors give the reason. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'

/** Runs a module in a separate process and returns what it prints as JSON. */
async function evaluate(program: string, env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await runNode(['--input-type=module', '--eval', program], env)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

const failure = `
  import { devices, NeurodeError } from 'neurode'
  try {
    devices()
  } catch (error) {
    const { code, message, cause } = error
    console.log(JSON.stringify({ isOurs: error instanceof NeurodeError, code, message, cause: cause?.message }))
  }`

describe('importing neurode', () => {
  it('starts no thread, loads no addon and no CUDA', async function () {
    if (process.platform !== 'linux') this.skip()
    const report = await evaluate(`
      import { readdirSync, readFileSync } from 'node:fs'
      await import('data:text/javascript,')
      const threads = () => readdirSync('/proc/self/task').length
      const before = threads()
      await import('neurode')
      const maps = readFileSync('/proc/self/maps', 'utf8')
      console.log(JSON.stringify({ started: threads() - before, loaded: maps.match(/\\S*(neurode\\.|libcuda|cublas)\\S*/g) }))`)
    // Node may have started its own four threads to read files.
    assert.ok(report.started === 0 || report.started === 4, `${report.started} threads`)
    assert.equal(report.loaded, null)
  })

  it('loads no part of Node that takes long before it is needed', async () => {
    const loaded: string[] = await evaluate(`
      const before = new Set(process.moduleLoadList)
      await import('neurode')
      console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))))`)
    const heavy = [
      'crypto',
      'http',
      'https',
      'http2',
      'net',
      'tls',
      'dns',
      'child_process',
      'worker_threads',
      'inspector',
    ]
    assert.ok(loaded.includes('NativeModule fs/promises'), 'names are as expected')
    assert.deepEqual(
      heavy.filter((name) => loaded.includes(`NativeModule ${name}`)),
      [],
    )
  })

  it('can be required', async () => {
    const { code, stdout, stderr } = await runNode(['--eval', "console.log(typeof require('neurode').sequential)"])
    assert.equal(code, 0, stderr)
    assert.equal(stdout, 'function\n')
  })
})

describe('the addon', () => {
  const folder = suiteFolder()

  it('that NEURODE_NATIVE_PATH names and that is missing is named in the error, with what to do', async () => {
    const path = join(folder.path, 'missing.node')
    const { isOurs, code, message, cause } = await evaluate(failure, { NEURODE_NATIVE_PATH: path })
    assert.ok(isOurs)
    assert.equal(code, 'ERR_NATIVE_LOAD')
    assert.ok(message.includes(`\n  ${path}: there is no such file\n`), message)
    assert.match(message, /NEURODE_NATIVE_PATH names it: set it to .* or unset it\.$/)
    assert.equal(cause, 'there is no such file')
  })

  it("that is damaged gives the system's reason", async () => {
    const path = join(folder.path, 'damaged.node')
    writeFileSync(path, 'not a library')
    const { message } = await evaluate(failure, { NEURODE_NATIVE_PATH: path })
    assert.match(message, /damaged\.node: .*(too short|invalid|not a)/)
  })
})
