/** Ctrl-C on the command line ends the training, not the process. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
