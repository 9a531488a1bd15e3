/** The golden suites pass on another folder: they take shapes, orders and weights from the folder that NEURODE_GOLDEN names. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { inFolder } from './data/files.js'
import { runNode } from './support/children.js'
import { goldenFolder } from './support/golden.js'
import { makeSecondGolden } from './support/secondGolden.js'

/** Left out: pending tests, and the long training, which has weights of its own and is the same on any folder. */
const left = String.raw`: needs |\bfull$`

describe('a second golden folder', function () {
  this.slow(60_000)

  it('of other widths, with rows in another order, passes the suites as the first does', () =>
    inFolder(async (folder) => {
      await makeSecondGolden(goldenFolder, folder)
      const suites = readdirSync('build/test').filter((name) => /^golden-(?!folder).*\.test\.js$/.test(name))
      const files = [...suites, 'row-sources.test.js', 'data/golden-idx.test.js'].map((name) => `build/test/${name}`)
      const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--require', 'build/test/support/setup.js']
      const options = ['--exit', '--timeout', '600000', '--reporter', 'dot', '--grep', left, '--invert']
      // One device is enough, since all devices treat widths and orders alike.
      const environment = { NEURODE_GOLDEN: folder, NEURODE_CUDA: 'off', FORCE_COLOR: '0' }
      const { code, stdout } = await runNode([...mocha, ...options, ...files], environment)
      assert.equal(code, 0, stdout.slice(-5000))
      assert.match(stdout, /[5-9]\d\d passing|\d{4} passing/)
      const example = [...mocha, ...options.slice(0, 5), '--grep', "tutorial's data", 'build/test/tutorials.test.js']
      const ended = await runNode(example, environment)
      assert.equal(ended.code, 0, ended.stdout.slice(-5000))
      assert.match(ended.stdout, /1 passing/)
    }))
})
