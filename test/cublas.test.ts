/**
 * cuBLASLt: it is found at run time, its kernels are timed against Neurode's, fused or not, and Neurode works without it if it
 * is absent or fails.
 */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runChild } from './support/children.js'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')
const folder = resolve('build/emulator/cublas')

interface Counts {
  readonly version: number
  /** Handles that were created and not destroyed. */
  readonly handles: number
  readonly heuristics: number
  readonly products: number
  readonly fused: number
}

describe('cuBLASLt on the emulator', function () {
  this.slow(30_000)
  let reports: string
  before(function () {
    if (!existsSync(join(folder, 'libcublasLt.so.13'))) this.skip()
    reports = mkdtempSync(join(tmpdir(), 'neurode-'))
  })
  after(() => {
    if (reports) rmSync(reports, { recursive: true })
  })

  const run = async (job: string, precision: string, env: Readonly<Record<string, string>>) => {
    const report = join(reports, 'report.json')
    rmSync(report, { force: true })
    const { stdout, stderr } = await runChild('precision', [job, precision], {
      NEURODE_CUDA_LIBRARY: emulated,
      NEURODE_EMULATOR_CAPABILITY: '8.0',
      NEURODE_CUDA_LIB_DIR: folder,
      NEURODE_EMULATED_CUBLAS: '',
      NEURODE_EMULATED_CUBLAS_REPORT: report,
      ...env,
    })
    // An open device keeps pinned buffers, streams, their events and a pool until the process ends. These are not leaks.
    const said = stderr
      .split('\n')
      .filter((line) => line !== '' && !/leak: .*(page-locked|streams|events|pools)/.test(line))
    assert.deepEqual(said, [])
    const counts = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Counts) : undefined
    return { result: JSON.parse(stdout), counts }
  }

  for (const precision of ['tf32', 'bfloat16']) {
    it(`computes large products in ${precision}, fused with bias and activation too`, async () => {
      const { result, counts } = await run('exact', precision, {})
      assert.deepEqual(result.differing, [])
      assert.ok(counts !== undefined && counts.heuristics > 0 && counts.products > 0 && counts.fused > 0)
      assert.equal(counts.version, 13)
      assert.equal(counts.handles, 0)
    })
  }

  it('is as close to float32 as our own kernels are', async () => {
    for (const { name, error, allowed } of (await run('close', 'bfloat16', {})).result) {
      assert.ok(error <= allowed, `${name}: relative error ${error}, allowed ${allowed}`)
    }
  })

  it('does without epilogues that it does not support', async () => {
    const { result, counts } = await run('exact', 'bfloat16', { NEURODE_EMULATED_CUBLAS: 'plain' })
    assert.deepEqual(result.differing, [])
    assert.ok(counts !== undefined && counts.products > 0)
    assert.equal(counts.fused, 0)
  })

  it('leaves products that it fails at to our kernels', async () => {
    const { result, counts } = await run('exact', 'tf32', { NEURODE_EMULATED_CUBLAS: 'fail' })
    assert.deepEqual(result.differing, [])
    assert.ok(counts !== undefined && counts.heuristics > 0)
    assert.equal(counts.products, 0)
  })

  it('is that of CUDA 12 where that of CUDA 13 does not start, as on an older driver', async () => {
    const { result, counts } = await run('steps', 'bfloat16', { NEURODE_EMULATED_CUBLAS: 'old-driver' })
    assert.ok(result.losses.every(Number.isFinite))
    assert.equal(counts?.version, 12)
    assert.ok(counts.products > 0)
    assert.equal(counts.handles, 0)
  })

  it('is not used where none starts', async () => {
    const { result, counts } = await run('steps', 'bfloat16', { NEURODE_EMULATED_CUBLAS: 'no-driver' })
    assert.ok(result.losses.every(Number.isFinite))
    assert.equal(counts, undefined)
  })

  it('stays the one that was found where it wants memory for a moment', async () => {
    const { result, counts } = await run('steps', 'bfloat16', { NEURODE_EMULATED_CUBLAS: 'short' })
    assert.ok(result.losses.every(Number.isFinite))
    assert.equal(counts?.version, 13)
    assert.ok(counts.products > 0)
  })

  it('is timed once for a shape, and asked again for no product that our kernels are faster at', async () => {
    const env = { NEURODE_EMULATED_CUBLAS: 'slow', NEURODE_EMULATOR_REPORT: join(reports, 'emulator.json') }
    const [one, more] = [await run('steps', 'bfloat16', env), await run('more steps', 'bfloat16', env)]
    assert.ok(one.counts !== undefined && one.counts.products > 0)
    assert.deepEqual(more.counts, one.counts)
    assert.equal(more.result.losses[0], one.result.losses[0])
  })

  it('is captured into graphs, and gives the same bits twice', async () => {
    const report = join(reports, 'emulator.json')
    const [one, two] = [
      await run('steps', 'bfloat16', {}),
      await run('more steps', 'bfloat16', { NEURODE_EMULATOR_REPORT: report }),
    ]
    const { graphLaunches } = JSON.parse(readFileSync(report, 'utf8')) as { graphLaunches: number }
    assert.ok(graphLaunches > 0)
    assert.deepEqual(two.result.losses.slice(0, one.result.losses.length), one.result.losses)
    // Graphs replay products without a new request; the number of steps before that depends on how fast the products are.
    assert.ok((one.counts?.products ?? 0) > 0 && (two.counts?.products ?? 0) > 0)
    assert.equal(two.counts?.heuristics, one.counts?.heuristics)
  })

  it('is not used when it is off', async () => {
    const { result, counts } = await run('steps', 'bfloat16', { NEURODE_CUDA_LIB_DIR: 'off' })
    assert.ok(result.losses.every(Number.isFinite))
    assert.equal(counts, undefined)
  })
})
