/** Ctrl-C on the command line ends the training, not the process; SIGTERM ends one that goes on from its backup. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { callbacks, layers, sequential } from 'neurode'
import { BackupAndRestore } from '#lib/callbacks/checkpoints.js'
import { suiteFolder } from './support/folders.js'

const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))

describe('neurode train mnist on Ctrl-C', function () {
  this.slow(20_000)

  const start = () => {
    const args = ['train', 'mnist', '--dataset', 'synthetic', '--device', 'cpu', '--epochs', '100000', '--json']
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.setEncoding('utf8')
    return child
  }

  it('stops after the batch, reports, and exits with 130', async () => {
    const child = start()
    let stdout = ''
    child.stdout.on('data', (text: string) => {
      if (stdout === '') child.kill('SIGINT')
      stdout += text
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 130)
    const done = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}')
    assert.equal(done.event, 'done')
    assert.equal(done.interrupted, true)
    assert.ok(done.epochs >= 1 && done.epochs < 100_000, `${done.epochs} epochs`)
    assert.ok(done.testAccuracy > 0.2, `accuracy ${done.testAccuracy}`)
  })

  it('takes one press that arrives twice, as under npm, for one', async () => {
    const child = start()
    let stdout = ''
    child.stdout.on('data', (text: string) => {
      if (stdout === '') for (let i = 0; i < 2; i++) child.kill('SIGINT')
      stdout += text
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 130)
    assert.match(stdout, /"event":"done"/)
  })
})

describe('neurode train on a table, on Ctrl-C', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  it('stops, saves what it has learned, and exits with 130', async () => {
    const path = join(folder.path, 'table.csv')
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i % 97},${(i * 7919) % 101},${(i % 97) + (i % 13)}`)
    writeFileSync(path, `a,b,y\n${lines.join('\n')}\n`)
    const args = ['train', path, '--target', 'y', '--device', 'cpu', '--save', `${path}.neurode`, '--json']
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (!stdout.includes('"epoch"') && text.includes('"epoch"')) child.kill('SIGINT')
      stdout += text
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 130)
    const done = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}')
    assert.deepEqual([done.event, done.interrupted, done.importance], ['done', true, null])
    assert.ok(Number.isFinite(done.testR2))
    assert.ok(existsSync(`${path}.neurode`))
  })
})

describe('neurode train with a backup, on SIGTERM', function () {
  this.slow(60_000)
  const folder = suiteFolder()

  /** Runs a training, which gets a signal once epoch `stopAt` is over, to the end of its process. */
  async function run(args: readonly string[], stopAt?: number, stopBy: NodeJS.Signals = 'SIGTERM') {
    const more = ['--device', 'cpu', '--threads', '1', '--json']
    const child = spawn(process.execPath, [main, 'train', ...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr, isSent] = ['', '', false]
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (isSent || stopAt === undefined || !stdout.includes(`"epoch":${stopAt},`)) return
      isSent = true
      child.kill(stopBy)
    })
    const [code, signal] = await once(child, 'close')
    return { code, signal, stderr, last: JSON.parse(stdout.trimEnd().split('\n').at(-1) || '{}') }
  }

  const table = () => {
    const path = join(folder.path, 'table.csv')
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i % 97},${(i * 7919) % 101},${(i % 97) + (i % 13)}`)
    writeFileSync(path, `a,b,y\n${lines.join('\n')}\n`)
    return [path, '--target', 'y', '--epochs', '6', '--hidden', '64,64', '--batch-size', '16']
  }

  const jobs = [
    ['a table', table],
    ['MNIST', () => ['mnist', '--dataset', 'synthetic', '--epochs', '3']],
  ] as const
  for (const [name, argsOf] of jobs) {
    it(`exits with 75, and then ends with the bits of an undisturbed training: ${name}`, async () => {
      const args = argsOf()
      const backup = join(folder.path, `backup of ${name}`)
      const metrics = join(folder.path, `metrics of ${name}`)
      const undisturbed = await run(args)
      assert.equal(undisturbed.code, 0, undisturbed.stderr)
      const own = [...args, '--backup', backup, '--metrics-file', metrics]
      const stopped = await run(own, 2)
      assert.equal(stopped.code, 75, stopped.stderr)
      assert.match(stopped.stderr, /stopped by SIGTERM; the same command goes on from .*backup of/)
      assert.equal(stopped.last.event, 'epoch')
      assert.ok(readdirSync(backup).length > 0)
      const { code, last, stderr } = await run(own)
      assert.equal(code, 0, stderr)
      assert.deepEqual(
        [last.weightsSha256, last.epochs, last.testLoss],
        [undisturbed.last.weightsSha256, undisturbed.last.epochs, undisturbed.last.testLoss],
      )
      assert.deepEqual(readdirSync(backup), [])
      const lines = readFileSync(metrics, 'utf8').trimEnd().split('\n')
      // An epoch that was told of, but is not in the backup, is trained and told of again.
      const epochs = new Set(lines.map((line) => JSON.parse(line).epoch))
      epochs.delete(undefined)
      assert.deepEqual(
        [...epochs],
        Array.from({ length: undisturbed.last.epochs }, (_, at) => String(at + 1)),
      )
    })
  }

  it('saves a backup within an epoch that SIGTERM stops', async () => {
    const stopping = new AbortController()
    const path = join(folder.path, 'within')
    const compiled = () =>
      sequential([layers.dense({ units: 1, inputShape: [2] })], { seed: 4 }).compile({ optimizer: 'adam', loss: 'mse' })
    const x = Array.from({ length: 90 }, (_, i) => [i % 7, i % 5])
    const y = x.map(([a = 0, b = 0]) => a - b)
    const options = { batchSize: 8, epochs: 3, seed: 2, verbose: 0 } as const
    const backup = new BackupAndRestore(path)
    using model = compiled()
    const stop = callbacks.lambda({ onBatchEnd: (batch) => void (batch === 5 && stopping.abort()) })
    await assert.rejects(
      model.fit(x, y, { ...options, callbacks: [stop, backup], signal: stopping.signal }),
      ({ code }) => code === 'ERR_ABORTED',
    )
    await backup.saveWithinEpoch()
    assert.deepEqual([model.position.epoch, model.position.batch], [0, 6])
    using resumed = compiled()
    await resumed.fit(x, y, { ...options, callbacks: new BackupAndRestore(path) })
    assert.equal(resumed.position.step, 36)
    using undisturbed = compiled()
    await undisturbed.fit(x, y, options)
    assert.deepEqual(resumed.getWeights(), undisturbed.getWeights())
  })

  it('goes on after SIGKILL, too', async () => {
    const own = [...table(), '--backup', join(folder.path, 'killed')]
    assert.equal((await run(own, 3, 'SIGKILL')).signal, 'SIGKILL')
    const { code, last } = await run(own)
    assert.equal(code, 0)
    assert.equal(last.weightsSha256, (await run(table())).last.weightsSha256)
  })

  it('ends by the signal without a backup', async () => {
    assert.equal((await run(table(), 1)).signal, 'SIGTERM')
  })

  it('refuses a backup of a training with other options', async () => {
    const own = [...table(), '--backup', join(folder.path, 'other')]
    assert.equal((await run(own, 2)).code, 75)
    const { code, stderr } = await run([...own, '--learning-rate', '0.5'])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /other: the backup is of another training: --learning-rate was not given, but is 0\.5 now; name/,
    )
  })
})
