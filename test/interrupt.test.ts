/** Ctrl-C on the command line ends the training, not the process. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

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
