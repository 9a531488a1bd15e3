/** Several fits of one model: nothing that an earlier fit prepared or left behind changes a later one. */

import assert from 'node:assert/strict'
import { runChild } from './support/children.js'
import { isEmulated, perDevice } from './support/devices.js'

/** Set it to 1000 for a search by hand. */
const sequences = Number(process.env.NEURODE_FIT_SEQUENCES ?? 30)
const inOneProcess = 50

perDevice('random sequences of fits', (device) => {
  it(`train as fresh models do: ${sequences} of them`, async function () {
    this.timeout(0)
    this.slow(30_000)
    // With this variable the emulator faults if a kernel accesses memory outside its buffers.
    const env: Record<string, string> = isEmulated(device) ? { NEURODE_EMULATOR_GUARD: '1' } : {}
    for (let first = 0; first < sequences; first += inOneProcess) {
      const count = Math.min(inOneProcess, sequences - first)
      const { code, signal, stdout, stderr } = await runChild('fit-sequences', [device, `${count}`, `${first}`], env)
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
      assert.deepEqual(JSON.parse(stdout), [])
    }
  })
})
