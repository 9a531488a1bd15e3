/** The suites themselves: loading them leaves no files behind, and what runs them names each failure. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { runNode } from './support/children.js'
import { suiteFolder } from './support/folders.js'

describe('all suites', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  it('make no files when they are loaded', () => {
    const temporary = join(folder.path, 'temporary')
    mkdirSync(temporary)
    const env = { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary }
    const suites = ['build/test/**/*.test.js', '--ignore', 'build/test/package/**']
    const args = ['node_modules/mocha/bin/mocha.js', '--grep', 'the title of no test', '--reporter', 'json', ...suites]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    assert.equal(JSON.parse(stdout).stats.tests, 0)
    assert.deepEqual(readdirSync(temporary), [])
  })
})

describe('a run of suites', function () {
  this.slow(20_000)
  const folder = suiteFolder()

  async function run(suites: Readonly<Record<string, string>>, ...options: string[]) {
    const paths = Object.entries(suites).map(([name, text]) => {
      const path = join(folder.path, `${name}.test.js`)
      writeFileSync(path, text)
      return path
    })
    const { code, stdout } = await runNode(['scripts/run-suites.mjs', ...options, ...paths], { NEURODE_TEST_JOBS: '2' })
    return {
      code,
      lines: stripVTControlCharacters(stdout)
        .replaceAll(folder.path, '')
        .split('\n')
        .map((line) => line.trim()),
    }
  }
  const passing = "describe('one', () => { it('passes', () => console.log('said')); it('waits') })"

  it('counts the tests of all', async () => {
    const { code, lines } = await run({ one: passing, two: "it('passes too', () => {})" })
    assert.equal(code, 0)
    for (const line of ['one', 'said', '- waits', '1 pending']) assert.ok(lines.includes(line), line)
    assert.equal(lines.filter((line) => /^\S passes( too)?( \(\d+ms\))?$/.test(line)).length, 2)
    assert.ok(lines.some((line) => /^2 passing \(\d+m?s\)$/.test(line)))
  })

  it('takes the options of mocha', async () => {
    const { code, lines } = await run(
      { one: passing, two: "it('fails', () => { throw new Error('so') })" },
      '--grep',
      'pass',
    )
    assert.equal(code, 0)
    assert.ok(lines.some((line) => /^1 passing/.test(line)) && !lines.some((line) => /fail/.test(line)))
  })

  it('lists failures of tests and hooks, with difference and cause', async () => {
    const failing = `const assert = require('node:assert')
      describe('a', () => {
        it('differs', () => assert.deepEqual({ n: 1 }, { n: 2 }))
        it('throws', () => { throw new Error('outer', { cause: new Error('inner') }) })
        describe('b', () => { before(() => { throw new TypeError('hook') }); it('never runs', () => {}) })
      })`
    const { code, lines } = await run({ failing, one: passing })
    const list = lines.slice(lines.indexOf('3 failing'))
    assert.equal(code, 1)
    const wanted = ['differs:', '-  "n": 1', 'Error: outer', 'Caused by: Error: inner', 'TypeError: hook']
    for (const line of [...wanted, '"before all" hook for "never runs":'])
      assert.ok(list.includes(line), list.join('\n'))
    assert.ok(lines.some((line) => /^1 passing/.test(line)))
  })

  for (const [what, text, wanted] of [
    [
      'cannot be loaded',
      "require('./nothing.cjs')",
      /^1\) .*ends\.test\.js ended with exit code 1:[\s\S]*Cannot find module/,
    ],
    [
      'crashes in a test',
      "describe('a', () => { it('is killed', () => process.kill(process.pid, 'SIGKILL')); it('waits', (done) => {}) })",
      /^1\) .*ends\.test\.js ended with (?:SIGKILL|exit code 1) in or after: a is killed/,
    ],
    [
      'ends by itself',
      "it('ends', () => { console.log('the end'); process.exit(0) })",
      /^1\) .*ends\.test\.js ended with exit code 0 in or after: ends:[\s\S]*the end/,
    ],
    [
      'crashes after its tests',
      "after(() => process.on('exit', () => process.kill(process.pid, 'SIGKILL'))); it('passes', () => {})",
      /^1\) .*ends\.test\.js ended with (?:SIGKILL|exit code 1)/,
    ],
  ] as const) {
    it(`fails where the process of a suite ${what}`, async () => {
      const { code, lines } = await run({ ends: text, one: passing })
      assert.equal(code, 1)
      assert.match(
        lines
          .slice(lines.indexOf('1 failing') + 1)
          .join('\n')
          .trim(),
        wanted,
      )
      assert.ok(lines.some((line) => /^\S passes( \(\d+ms\))?$/.test(line)))
    })
  }

  it('says what was running where it is stopped', async function () {
    // There a process that is ended can do nothing more.
    if (process.platform === 'win32') this.skip()
    const began = join(folder.path, 'began')
    const path = join(folder.path, 'hangs.test.js')
    writeFileSync(path, `it('hangs', () => { require('fs').writeFileSync(${JSON.stringify(began)}, ''); for (;;); })`)
    const child = spawn(process.execPath, ['scripts/run-suites.mjs', path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    while (!existsSync(began)) await sleep(20)
    child.kill()
    assert.deepEqual(await ended, [1, null])
    assert.match(output, /hangs\.test\.js was running in or after: hangs/)
  })
})
