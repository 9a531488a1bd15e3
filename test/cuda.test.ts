/** CUDA devices: the reasons why there is none; and, on the emulator, the launches of a step, memory and faults. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { DeviceInfo } from 'neurode'
import { runChild, runNode } from './support/children.js'

const emulated = resolve('build/emulator/neurode_cuda_emulated.so')
const none = { NEURODE_CUDA_LIBRARY: '', NEURODE_DEVICE: '', NEURODE_CUDA: '' }

async function inChild<T>(code: string, env: Readonly<Record<string, string>>): Promise<T> {
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', code], { ...none, ...env })
  assert.equal(stderr, '')
  return JSON.parse(stdout) as T
}

/** The devices that a process with these environment variables finds. The process prints nothing else. */
async function cudaDevices(env: Readonly<Record<string, string>>): Promise<DeviceInfo[]> {
  const code = `import { devices } from 'neurode'; console.log(JSON.stringify(devices()))`
  return (await inChild<DeviceInfo[]>(code, env)).filter(({ name }) => name.startsWith('cuda'))
}

describe('without a CUDA device', () => {
  const cases = [
    ['probing is off', { NEURODE_CUDA: 'off' }, /^NEURODE_CUDA=off$/],
    ['the library is not there', { NEURODE_CUDA_LIBRARY: '/nowhere/cuda.so' }, /does not load: .*\/nowhere\/cuda\.so/],
    ['the library is another', { NEURODE_CUDA_LIBRARY: resolve('build/Release/neurode.node') }, /is no CUDA library/],
  ] as const
  for (const [title, env, reason] of cases) {
    it(`says why when ${title}`, async () => {
      const [device] = await cudaDevices(env)
      assert.equal(device?.available, false)
      assert.match(device?.reason ?? '', reason)
    })
  }

  const emulatedCases = [
    ['there is no driver', { NEURODE_EMULATOR_DRIVER: 'none' }, /driver/],
    ['the driver is too old', { NEURODE_EMULATOR_DRIVER: 'old' }, /driver version is insufficient/],
    ['the driver finds no device', { NEURODE_EMULATOR_DRIVER: 'no-device' }, /no CUDA-capable device/],
  ] as const
  for (const [title, env, reason] of emulatedCases) {
    it(`says why when ${title}`, async function () {
      if (!existsSync(emulated)) this.skip()
      const [device] = await cudaDevices({ NEURODE_CUDA_LIBRARY: emulated, ...env })
      assert.equal(device?.available, false)
      assert.match(device?.reason ?? '', reason)
    })
  }

  it('leaves a library of another version alone, and says so', async function () {
    const other = resolve('build/emulator/neurode_cuda_other.so')
    if (!existsSync(other)) this.skip()
    const [device] = await cudaDevices({ NEURODE_CUDA_LIBRARY: other })
    assert.match(device?.reason ?? '', /neurode_cuda_other\.so belongs to another version of Neurode/)
  })

  it("trains on the CPU with 'auto', and throws ERR_DEVICE_UNAVAILABLE with the reason for 'cuda'", async () => {
    const code = `
      import { devices, layers, sequential } from 'neurode'
      const compiled = (device) => sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ loss: 'mse', device })
      const auto = compiled('auto')
      await auto.fit([[1, 2]], [1], { verbose: 0 })
      let error = {}
      try { compiled('cuda') } catch ({ code, message }) { error = { code, message } }
      console.log(JSON.stringify({ device: auto.device, error, reason: devices()[1].reason }))`
    for (const env of [{ NEURODE_CUDA: 'off' }, { NEURODE_CUDA_LIBRARY: '/nowhere/cuda.so' }]) {
      const { device, error, reason } = await inChild<Record<string, never>>(code, env)
      assert.equal(device, 'cpu')
      assert.deepEqual(error, {
        code: 'ERR_DEVICE_UNAVAILABLE',
        message: `device: 'cuda' is not available: ${reason}`,
      })
    }
  })

  it("takes NEURODE_DEVICE for 'auto'", async () => {
    const code = `
      import { layers, sequential } from 'neurode'
      const make = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
      const results = {}
      for (const [key, run] of Object.entries({
        compiled: () => make().compile({ loss: 'mse' }).device,
        bare: () => make().device,
        cpu: () => make().compile({ loss: 'mse', device: 'cpu' }).device,
      })) {
        try { results[key] = run() } catch ({ code }) { results[key] = code }
      }
      console.log(JSON.stringify(results))`
    const off = await inChild(code, { NEURODE_DEVICE: 'cuda', NEURODE_CUDA: 'off' })
    assert.deepEqual(off, { compiled: 'ERR_DEVICE_UNAVAILABLE', bare: 'ERR_DEVICE_UNAVAILABLE', cpu: 'cpu' })
    if (!existsSync(emulated)) return
    const on = await inChild(code, { NEURODE_DEVICE: 'cuda', NEURODE_CUDA_LIBRARY: emulated })
    assert.deepEqual(on, { compiled: 'cuda:0', bare: 'cuda:0', cpu: 'cpu' })
  })
})

describe('the CUDA executor on the emulator', function () {
  this.slow(10_000)
  let folder: string
  let runs = 0
  before(function () {
    if (!existsSync(emulated)) this.skip()
    folder = mkdtempSync(join(tmpdir(), 'neurode-'))
  })
  after(() => {
    if (folder) rmSync(folder, { recursive: true })
  })

  interface Counts {
    readonly kernelLaunches: number
    readonly graphLaunches: number
    readonly faults: number
    readonly allocations: number
    readonly kernelsAtLastAllocation: number
    readonly instantiatedGraphs: number
  }

  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const report = join(folder, `${runs++}.json`)
    const ended = await runChild('cuda-train', args, {
      ...none,
      NEURODE_CUDA_LIBRARY: emulated,
      NEURODE_EMULATOR_REPORT: report,
      ...env,
    })
    return { ...ended, counts: JSON.parse(readFileSync(report, 'utf8')) as Counts }
  }

  it('launches at most four kernels a step for 784-100-50-10, and whole steps in graphs', async () => {
    const [one, three] = [await run(['tutorial', '2']), await run(['tutorial', '4'])]
    const steps = 20
    const launches = (three.counts.kernelLaunches - one.counts.kernelLaunches) / steps
    assert.ok(launches >= 1 && launches <= 4, `${launches} launches a step`)
    assert.ok(three.counts.graphLaunches > one.counts.graphLaunches)
  })

  for (const guard of ['1', '2']) {
    it(`touches no memory but its own, with guard pages ${guard === '1' ? 'after' : 'before'} every array`, async () => {
      const { code, stdout, stderr, counts } = await run(['all'], { NEURODE_EMULATOR_GUARD: guard })
      assert.equal(code, 0, stderr)
      assert.equal(counts.faults, 0)
      assert.ok((JSON.parse(stdout).losses as number[]).every(Number.isFinite))
    })
  }

  it('gives the same bits in whatever order blocks and threads run', async () => {
    const outputs = await Promise.all(
      ['1', '2'].map(async (seed) => (await run(['all'], { NEURODE_EMULATOR_SEED: seed })).stdout),
    )
    assert.equal(outputs[0], outputs[1])
    assert.match(outputs[0] ?? '', /losses/)
  })

  const leavesNothing = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { stderr } = await run(args, { NEURODE_EMULATOR_STRICT: '1', ...env })
    const leaks = stderr.split('\n').filter((line) => line.includes('leak'))
    // An open device keeps pinned buffers, streams, their events and a pool until the process ends.
    const kept = /page-locked|streams|events|pools/
    assert.deepEqual(
      leaks.filter((line) => !kept.test(line)),
      [],
    )
    assert.ok(leaks.length <= 7, leaks.join('\n'))
  }

  it('leaves no device memory behind when its models are disposed of', () => leavesNothing(['all']))

  it('leaves none behind either while data is still being let go of as the process ends', () =>
    leavesNothing(['validated', '1'], { NEURODE_EMULATOR_FREE_MS: '50' }))

  it('takes all memory before the first kernel of a training: a step takes none', async () => {
    const [two, four] = [await run(['validated', '2']), await run(['validated', '4'])]
    assert.ok(two.counts.kernelLaunches > 0 && two.counts.allocations > 0)
    assert.equal(two.counts.kernelsAtLastAllocation, 0)
    assert.equal(four.counts.kernelsAtLastAllocation, 0)
    assert.equal(four.counts.allocations, two.counts.allocations)
  })

  it("uploads the next epoch's order beside an epoch's steps, before its sums come back", async () => {
    const trace = join(folder, 'trace')
    const epochs = 4
    const env = { ...none, NEURODE_CUDA_LIBRARY: emulated, NEURODE_EMULATOR_TRACE: trace }
    const { code, stderr } = await runChild('cuda-orders', [String(epochs)], env)
    assert.equal(code, 0, stderr)
    const lines = readFileSync(trace, 'utf8').trimEnd().split('\n')
    const isStep = (line: string) => /^(kernel|graph) /.test(line)
    const isOrder = (line: string) => /^upload \d+ 400$/.test(line)
    const steps = lines.find(isStep)?.split(' ')[1]
    // Every epoch ends with a download of its sums; nothing else is downloaded.
    const ends = lines.flatMap((line, i) => (line.startsWith('download') ? [i] : []))
    assert.equal(ends.length, epochs)
    ends.forEach((end, epoch) => {
      const own = lines.slice(epoch === 0 ? 0 : (ends[epoch - 1] as number) + 1, end)
      const firstStep = own.findIndex(isStep)
      assert.equal(own.slice(0, firstStep).filter(isOrder).length, epoch === 0 ? 1 : 0, 'it was there')
      const ahead = own.findIndex((line, i) => i > firstStep && isOrder(line))
      assert.ok(ahead > firstStep, `epoch ${epoch}`)
      assert.notEqual(own[ahead]?.split(' ')[1], steps, 'on a stream of its own')
      assert.ok(own.slice(ahead).includes(`wait ${steps} 0`), 'which the steps wait for')
    })
  })

  it('refuses a batch for which memory is short before its first step, and trains on as if nothing had been', async () => {
    const { stdout } = await run(['short'], { NEURODE_EMULATOR_MEMORY: '8M' })
    const { code, message, trainBegan, losses, expected } = JSON.parse(stdout)
    assert.equal(code, 'ERR_OUT_OF_MEMORY')
    assert.match(message, /\d+ bytes of the CUDA device's memory are wanted, \d+ of 8388608 are free/)
    assert.equal(trainBegan, 0)
    assert.deepEqual(losses, expected)
  })

  it('predicts batches of any size with few graphs, and the bits of predict', async () => {
    const { code, stdout, stderr, counts } = await run(['predictor'], { NEURODE_EMULATOR_GUARD: '1' })
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { different: [] })
    assert.equal(counts.faults, 0)
    assert.ok(counts.graphLaunches > 50, `${counts.graphLaunches} launches of graphs`)
    // There are graphs for each batch size, for floats and for bytes, and for two chunks in flight.
    assert.ok(counts.instantiatedGraphs <= 2 * 2 * 20, `${counts.instantiatedGraphs} graphs`)
  })

  it('rejects with ERR_OUT_OF_MEMORY and the bytes wanted and free, and goes on', async () => {
    const { stdout } = await run(['all'], { NEURODE_EMULATOR_MEMORY: '300K' })
    const { code, message, sum } = JSON.parse(stdout)
    assert.equal(code, 'ERR_OUT_OF_MEMORY')
    assert.match(message, /\d+ bytes of the CUDA device's memory are wanted, \d+ of 307200 are free/)
    assert.equal(sum, 3)
  })

  it('gives the right bits at a second try, whichever request for memory was refused', async () => {
    const env = { ...none, NEURODE_CUDA_LIBRARY: emulated, NEURODE_EMULATOR_GUARD: '1' }
    const { code, stdout, stderr } = await runChild('cuda-memory', [], env)
    assert.equal(code, 0, stderr)
    const { scenarios, refused, different } = JSON.parse(stdout)
    assert.deepEqual(different, [])
    assert.deepEqual([...new Set(refused)], ['ERR_OUT_OF_MEMORY'])
    assert.ok(refused.length > 10 && refused.length === scenarios - 2, `${refused.length} of ${scenarios} refused`)
  })

  it('ends by itself after an error and a prediction on one thread', async () => {
    const env = { ...none, NEURODE_CUDA_LIBRARY: emulated, NEURODE_EMULATOR_MEMORY: '300K' }
    const { code, stdout } = await runChild('cuda-refused', [], env)
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout), { code: 'ERR_OUT_OF_MEMORY', outputs: 7 })
  })

  it('rejects with ERR_DEVICE_LOST after a fault; the process and other devices live on', async () => {
    const { stdout } = await run(['all'], { NEURODE_EMULATOR_FAIL: '5' })
    const { code, message, sum } = JSON.parse(stdout)
    assert.equal(code, 'ERR_DEVICE_LOST')
    assert.match(message, /cudaErrorIllegalAddress/)
    assert.equal(sum, 3)
  })

  it('trains on two devices in turns, each with memory, streams and kernels of its own', async () => {
    const env = { NEURODE_EMULATOR_DEVICES: '2', NEURODE_EMULATOR_GUARD: '1' }
    const { code, stdout, stderr, counts } = await run(['two'], env)
    assert.equal(code, 0, stderr)
    const [first, second] = JSON.parse(stdout).losses as number[][]
    assert.ok((first?.length ?? 0) > 4)
    assert.deepEqual(second, first)
    assert.equal(counts.faults, 0)
  })

  it("is not what 'auto' takes", async () => {
    const code = `
      import { layers, sequential } from 'neurode'
      console.log(JSON.stringify(sequential([layers.dense({ units: 1, inputShape: [2] })]).device))`
    assert.equal(await inChild(code, { NEURODE_CUDA_LIBRARY: emulated }), 'cpu')
  })
})
