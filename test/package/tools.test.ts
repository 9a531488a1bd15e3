/** The packed tarball in test runners with their default settings, and in a user's Fastify application. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { run } from './commands.js'
import { environment, lines, programs, target, withTools } from './trees.js'

describe('the package among what others bring', function () {
  this.slow(30_000)

  let cwd: string

  before(() => {
    cwd = withTools()
  })

  function pass(...args: readonly string[]): string {
    const env = { ...process.env, NO_COLOR: '1' }
    const { code, output } = run(process.execPath, args, { cwd, env })
    assert.equal(code, 0, output)
    return output
  }

  const jest = join('node_modules', 'jest', 'bin', 'jest.js')

  it('works in Jest as it comes', () => {
    assert.match(pass(jest, '--ci', 'required.test.js'), /Tests: +3 passed, 3 total/)
  })

  it("works in Jest's modules", () => {
    const options = ['--ci', '--testMatch', '**/imported.test.mjs']
    assert.match(pass('--experimental-vm-modules', jest, ...options), /Tests: +3 passed, 3 total/)
  })

  it('works in vitest, in threads and in processes', () => {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs')
    for (const pool of ['threads', 'forks']) {
      assert.match(pass(vitest, 'run', `--pool=${pool}`, 'vitest.spec.mjs'), /Tests +3 passed/)
    }
  })

  it("is a plugin to the user's own Fastify", () => {
    for (const line of lines) {
      const { stdout, output } = run(programs.nodeBinary(target, line), ['plugin.cjs'], { cwd, env: environment(line) })
      assert.match(stdout, /^\[/, output)
      assert.deepEqual(JSON.parse(stdout), [{ predictions: [[0, 0]] }, 'mine', true])
    }
  })
})
