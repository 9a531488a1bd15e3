/** The option `precision`: tensor cores compute the same as float32, except for the rounding of the factors. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { devices, layers, NeurodeError, sequential } from 'neurode'
import { runChild } from './support/children.js'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')

/** Runs test/support/programs/precision.ts on a device with tensor cores: the GPU, or the emulator with compute capability 8.0. */
async function run<T>(job: string, precision: string, seed = 1): Promise<T> {
  const real = devices().some(
    ({ name, available, precisions, description }) =>
      name === 'cuda:0' && available && precisions?.includes('bfloat16') && !description?.startsWith('Emulated'),
  )
  const env = real
    ? {}
    : { NEURODE_CUDA_LIBRARY: emulated, NEURODE_EMULATOR_CAPABILITY: '8.0', NEURODE_EMULATOR_SEED: `${seed}` }
  const { stdout, stderr } = await runChild('precision', [job, precision], env)
  assert.equal(stderr, '')
  return JSON.parse(stdout) as T
}

describe('precision', function () {
  this.slow(20_000)
  before(function () {
    if (!existsSync(emulated) && !devices().some(({ precisions }) => precisions?.includes('bfloat16'))) this.skip()
  })

  for (const precision of ['tf32', 'bfloat16']) {
    describe(precision, () => {
      it('gives the bits of float32 where nothing needs rounding', async () => {
        const { differing, compared } = await run<{ differing: string[]; compared: number }>('exact', precision)
        assert.deepEqual(differing, [])
        assert.ok(compared > 500_000)
      })

      it('comes as close to float32 as the rounding of factors allows', async () => {
        const results = await run<{ name: string; error: number; allowed: number }[]>('close', precision)
        assert.ok(results.length >= 9)
        for (const { name, error, allowed } of results) {
          assert.ok(error <= allowed, `${name}: relative error ${error}, allowed ${allowed}`)
          // If a model ignored its precision, the error would be far smaller.
          assert.ok(error > allowed / 200, `${name}: relative error ${error} is that of float32`)
        }
      })

      it('gives the same bits twice, in whatever order blocks and threads run', async () => {
        const digests = [await run<string>('digest', precision, 1), await run<string>('digest', precision, 2)]
        assert.equal(digests[0], digests[1])
      })

      it('keeps weights in float32, and copies of them in step', async () => {
        assert.deepEqual(await run('weights', precision), { kept: true, small: true, predicted: true })
      })
    })
  }

  it('is refused, by name, where there are no tensor cores', () => {
    const make = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
    const devicesWithout = devices().filter(({ available, precisions }) => available && !precisions?.includes('tf32'))
    for (const { name } of devicesWithout) {
      assert.throws(
        () => make().compile({ loss: 'mse', device: name, precision: 'tf32' }),
        (error: unknown) =>
          error instanceof NeurodeError &&
          error.code === 'ERR_ARGUMENT' &&
          /precision: 'tf32' takes a CUDA device of compute capability 8\.0 or newer/.test(error.message) &&
          error.message.includes(name),
      )
      using model = make().compile({ loss: 'mse', device: name, precision: 'float32' })
      assert.equal(model.device, name)
    }
    assert.throws(() => make().compile({ loss: 'mse', precision: 'float16' as 'tf32' }), {
      code: 'ERR_ARGUMENT',
      message: /precision: expected 'float32', 'tf32' or 'bfloat16'/,
    })
  })
})
