/**
 * Lets one request to the system after the other fail: for memory, threads, libraries, descriptors and files. Each failure is
 * reported, everything else works on, and the process ends by itself. `NEURODE_ALL_FAULTS=1` lets every single request fail,
 * which takes about an hour.
 */

import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { perDevice } from './support/devices.js'
import { type Sweep, sweep } from './support/faultSweep.js'

const isAll = Boolean(process.env.NEURODE_ALL_FAULTS)
const isHere = process.platform === 'linux' && process.env.NEURODE_CUDA !== 'off'

/** Runs a sweep and checks that no other errors than the allowed ones occur. Returns how many requests failed. */
async function held(what: Sweep, allowed: readonly string[]): Promise<number> {
  const { problems, said, failed } = await sweep({ ...what, step: isAll ? 1 : (what.step ?? 1) })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    Object.keys(said).filter((code) => !allowed.includes(code)),
    [],
  )
  return failed
}

perDevice('faults', (device) => {
  before(function () {
    if (!isHere) this.skip()
  })

  // The steps differ, so that the requests that scenarios share are covered more densely.
  const steps = { fit: 29, predict: 43, serve: 61, load: 53 }
  for (const [scenario, step] of Object.entries(steps)) {
    it(`for want of memory in ${scenario} are said, and nothing is lost`, async function () {
      this.slow(10_000)
      assert.ok((await held({ scenario, device, kind: 'memory', step }, ['ERR_OUT_OF_MEMORY'])) > 0)
    })
  }

  for (const scenario of ['fit', 'predict', 'serve']) {
    it(`of threads that do not start in ${scenario} are said, and nothing is lost`, async function () {
      this.slow(10_000)
      assert.ok((await held({ scenario, device, kind: 'thread', cold: true }, ['ERR_OUT_OF_MEMORY'])) > 0)
    })
  }
})

describe('faults', () => {
  before(function () {
    if (!isHere) this.skip()
  })

  it('of the CUDA library that does not load are said', async function () {
    this.slow(10_000)
    const allowed = ['ERR_DEVICE_UNAVAILABLE']
    assert.ok((await held({ scenario: 'fit', device: 'cuda:0', kind: 'library', cold: true }, allowed)) > 0)
  })

  it('of cuBLASLt that does not load leave its products to our kernels', async function () {
    this.slow(10_000)
    const env = { NEURODE_CUDA_LIB_DIR: resolve('build/emulator/cublas'), NEURODE_EMULATOR_CAPABILITY: '8.0' }
    // The first library that is loaded is the CUDA library, which must not fail here.
    const what = { scenario: 'wide', device: 'cuda:0', kind: 'library', cold: true, first: 2, env }
    assert.ok((await held(what, [])) > 0)
  })

  it('of descriptors leave connections to node:http', async function () {
    this.slow(10_000)
    assert.ok((await held({ scenario: 'serve', device: 'cpu', kind: 'descriptor' }, [])) > 0)
  })

  for (const [kind, step] of Object.entries({ ENOSPC: 7, EIO: 11, EMFILE: 5 })) {
    it(`of files that are written, ${kind}, leave each as it was or as it should be`, async function () {
      this.slow(10_000)
      assert.ok((await held({ scenario: 'save', device: 'cpu', kind, step }, ['ERR_FILE_WRITE'])) > 0)
    })
  }

  for (const [scenario, code] of Object.entries({ load: 'ERR_FILE_FORMAT', save: 'ERR_FILE_WRITE' })) {
    it(`of files that are closed in ${scenario} are said`, async function () {
      this.slow(10_000)
      assert.ok((await held({ scenario, device: 'cpu', kind: 'close' }, [code])) > 0)
    })
  }

  for (const [kind, step] of Object.entries({ EIO: 3, EMFILE: 1 })) {
    it(`of files that are read, ${kind}, are said`, async function () {
      this.slow(10_000)
      assert.ok((await held({ scenario: 'load', device: 'cpu', kind, step }, ['ERR_FILE_FORMAT'])) > 0)
    })
  }
})
