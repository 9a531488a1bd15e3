/** The CUDA emulator itself: correct kernels give right results on it, and it catches every planted defect. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

describe('the CUDA emulator', function () {
  this.slow(20_000)

  it('runs kernels as a GPU does, and catches wrong indices, missing barriers and leaks', function () {
    const program = resolve('build/emulator/emulator_test')
    if (!existsSync(program)) this.skip()
    const { status, stdout, stderr } = spawnSync(program, { encoding: 'utf8' })
    assert.equal(status, 0, `${stdout}${stderr}`)
  })
})
