/** The suites themselves: loading them, as a filtered run or an editor does, leaves no files behind. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suiteFolder } from './support/folders.js'

describe('all suites', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  it('make no files when they are loaded', () => {
    const temporary = join(folder.path, 'temporary')
    mkdirSync(temporary)
    const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
    const args = ['node_modules/mocha/bin/mocha.js', '--grep', 'the title of no test', '--reporter', 'json']
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    assert.equal(JSON.parse(stdout).stats.tests, 0)
    assert.deepEqual(readdirSync(temporary), [])
  })
})
