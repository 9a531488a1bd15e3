/** The command line in separate processes: train, doctor, and the messages for mistakes. */

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { runNode } from './support/children.js'

/** Runs `neurode` with these arguments. */
function neurode(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
  return runNode([main, ...args], env)
}

const isShare = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1
const isPositive = (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value > 0

function assertEvents(stdout: string, epochs: number, dataset: string) {
  const lines = stdout.trimEnd().split('\n')
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(events.length, epochs + 1)
  for (const [i, event] of events.slice(0, -1).entries()) {
    assert.deepEqual(Object.keys(event), ['event', 'epoch', 'loss', 'accuracy', 'valLoss', 'valAccuracy', 'seconds'])
    assert.equal(event.event, 'epoch')
    assert.equal(event.epoch, i + 1)
    for (const key of ['loss', 'valLoss', 'seconds']) assert.ok(isPositive(event[key]), `${key}: ${event[key]}`)
    for (const key of ['accuracy', 'valAccuracy']) assert.ok(isShare(event[key]), `${key}: ${event[key]}`)
  }
  const done = events.at(-1) ?? {}
  const {
    event,
    dataset: name,
    rows,
    device,
    isa,
    threads,
    epochs: ran,
    testLoss,
    testAccuracy,
    trainSeconds,
    medianEpochSeconds,
  } = done
  assert.deepEqual([event, name, rows, device, ran], ['done', dataset, 60_000, 'cpu', epochs])
  assert.equal(typeof isa, 'string')
  for (const value of [threads, testLoss, trainSeconds, medianEpochSeconds]) assert.ok(isPositive(value))
  const last = events.at(-2) ?? {}
  assert.equal(testAccuracy, last.valAccuracy)
  return { testAccuracy: testAccuracy as number }
}

describe('neurode train mnist', function () {
  this.slow(20_000)

  it('trains on synthetic digits and reports JSON Lines', async () => {
    const args = [
      'train',
      'mnist',
      '--dataset',
      'synthetic',
      '--epochs',
      '2',
      '--device',
      'cpu',
      '--seed',
      '3',
      '--json',
    ]
    const { code, stdout, stderr } = await neurode(args)
    assert.equal(code, 0, stderr)
    const { testAccuracy } = assertEvents(stdout, 2, 'synthetic')
    assert.ok(testAccuracy > 0.5, `accuracy ${testAccuracy} after two epochs`)
    assert.equal(stderr, '')
  })

  it('gives the same results for the same seed, with any number of threads', async () => {
    const run = async (threads: number) => {
      const args = [
        'train',
        'mnist',
        '--dataset',
        'synthetic',
        '--epochs',
        '1',
        '--seed',
        '9',
        '--batch-size',
        '500',
        '--json',
      ]
      const { stdout } = await neurode([...args, '--device', 'cpu', '--threads', String(threads)])
      const { testLoss, testAccuracy } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}')
      return { testLoss, testAccuracy }
    }
    const first = await run(1)
    assert.ok(isPositive(first.testLoss))
    assert.deepEqual(await run(3), first)
  })

  it('prints a table without --json', async () => {
    const { code, stdout } = await neurode([
      'train',
      'mnist',
      '--dataset',
      'synthetic',
      '--epochs',
      '1',
      '--device',
      'cpu',
    ])
    assert.equal(code, 0)
    assert.match(stdout, /Training 784-100-50-10 on synthetic/)
    assert.match(stdout, /Epoch 1\/1 .*loss: \d/)
    assert.match(stdout, /Test accuracy +0\.\d{4}/)
  })

  it('trains on the files of MNIST where NEURODE_DATA names them', async function () {
    if (!process.env.NEURODE_DATA) this.skip()
    const { code, stdout, stderr } = await neurode(['train', 'mnist', '--epochs', '1', '--device', 'cpu', '--json'])
    assert.equal(code, 0, stderr)
    const { testAccuracy } = assertEvents(stdout, 1, 'mnist')
    assert.ok(testAccuracy > 0.75, `accuracy ${testAccuracy} after one epoch`)
  })

  const mistakes = [
    [['train', 'mnist', '--epoch', '2'], /--epoch\b/],
    [['train', 'mnist', '--epochs', 'many'], /--epochs: expected .*'many'/],
    [['train', 'mnist', '--epochs', '-1'], /epochs/],
    [['train', 'mnist', '--learning-rate', 'NaN'], /--learning-rate: expected a number above 0, got 'NaN'/],
    [['train', 'mnist', '--device', 'tpu'], /--device: expected .*'tpu'/],
    [['train', 'mnist', '--dataset', 'cifar'], /--dataset: expected .*'cifar'/],
    [['train', 'mnist', '--report', 'no/such/report.html'], /--report: expected a file in a folder.*no.such/],
    [['train', 'mnist', '--save', 'file:///tmp/m'], /--save: expected the path of a file, got 'file:\/\/\/tmp\/m'/],
    [['serve', 'm=file:///tmp/m.neurode'], /expected paths of files and folders, got 'm=file:/],
    [['train', 'cifar'], /train mnist/],
    [['trian'], /trian/],
    [['doctor', '--fix'], /--fix/],
  ] as const
  for (const [args, message] of mistakes) {
    it(`exits with 2 for: neurode ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await neurode(args)
      assert.equal(code, 2)
      assert.match(stderr, message)
      assert.equal(stdout, '')
    })
  }
})

describe('neurode doctor', () => {
  it('shows what was found', async () => {
    const { code, stdout } = await neurode(['doctor'])
    assert.equal(code, 0)
    for (const word of ['neurode', 'node', 'addon', 'cpu', 'cuda', 'blas', 'mnist', 'NEURODE_ISA']) {
      assert.match(stdout, new RegExp(`^${word} `, 'm'))
    }
  })

  it('shows the same as JSON', async () => {
    const { code, stdout } = await neurode(['doctor', '--json'])
    assert.equal(code, 0)
    const { addon, cpu } = JSON.parse(stdout)
    assert.equal(addon.found, true)
    assert.ok(cpu.isas.includes(cpu.isa))
  })

  it('says why the addon could not be loaded, and exits with 1', async () => {
    const { code, stdout } = await neurode(['doctor'], { NEURODE_NATIVE_PATH: '/nowhere/neurode.node' })
    assert.equal(code, 1)
    assert.match(stdout, /not loaded: .*\/nowhere\/neurode\.node/s)
  })

  it('says that an instruction set does not exist, and exits with 1', async () => {
    const { code, stdout, stderr } = await neurode(['doctor'], { NEURODE_ISA: 'mmx' })
    assert.equal(code, 1)
    assert.match(stdout + stderr, /mmx/)
  })
})
