/** .ci/steps.sh: a step that fails, hangs or has failing tests is reported and makes the whole run fail. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { root, run } from './commands.js'

describe('the steps of CI', function () {
  this.slow(5000)

  before(function () {
    if (process.platform === 'win32') this.skip()
  })

  function ci(...lines: string[]) {
    const script = ['set -uo pipefail', 'deadline=100', `. '${join(root, '.ci', 'steps.sh')}'`, ...lines, 'finish']
    const { code, output } = run('bash', ['-c', script.join('\n')])
    return {
      code,
      output: output
        .replaceAll(/ +\d+ s$/gm, '')
        .replace('all in\n', '')
        .trimEnd(),
    }
  }

  it('pass where each passes, and count tests', () => {
    const { code, output } = ci("step 'tests' 9 echo ' 12 passing (3s)'", 'count_tests', "step 'more' 9 true")
    assert.equal(output, 'ok      tests\nok      more\n14 passed, 0 failed')
    assert.equal(code, 0)
  })

  it('fail where a command fails, with what it said', () => {
    const { code, output } = ci("step 'planted' 9 sh -c 'echo reason >&2; exit 3'", "step 'next' 9 true")
    assert.equal(output, 'FAILED  planted\n        reason\nok      next\nfailed: planted\n1 passed, 1 failed')
    assert.equal(code, 1)
  })

  it('fail where tests fail, and count them', () => {
    const { code, output } = ci(
      "step 'planted' 9 sh -c 'printf \"before\\n 5 passing\\n 2 failing\\n  1) it\\n\"; exit 2'",
      'count_tests',
    )
    assert.match(output, /^FAILED {2}planted\n +2 failing\n +1\) it\n/)
    assert.match(output, /failed: planted\n5 passed, 3 failed$/)
    assert.equal(code, 1)
  })

  it('end what hangs at its limit, and at the deadline', () => {
    for (const begin of ["step 'planted' 1 sleep 60", "deadline=1; step 'planted' 50 sleep 60"]) {
      const { code, output } = ci(begin)
      assert.match(output, /^FAILED {2}planted\n +stopped: it may take$/m)
      assert.equal(code, 1)
    }
  })

  it('run beside each other, and are reported with their own output', () => {
    const { code, output } = ci(
      "begin 'planted' 9 sh -c 'sleep 0.3; echo reason; exit 3'",
      "step 'next' 9 echo ' 2 passing'",
      'count_tests',
      'await',
      "begin 'figures' 9 echo 'Lines : 90 %'",
      'await',
      "show '^Lines '",
    )
    const planted = 'ok      next\nFAILED  planted\n        reason'
    assert.equal(output, `${planted}\nok      figures\n        Lines : 90 %\nfailed: planted\n4 passed, 1 failed`)
    assert.equal(code, 1)
  })

  it('end what hangs beside others', () => {
    const { code, output } = ci("begin 'planted' 1 sleep 60", "step 'next' 9 true", 'await')
    assert.match(output, /^ok {6}next\nFAILED {2}planted\n +stopped: it may take$/m)
    assert.equal(code, 1)
  })

  it('show figures of a step', () => {
    const { output } = ci("step 'figures' 9 printf 'Lines : 90 %%\\nelse\\n'", "show '^Lines '")
    assert.equal(output, 'ok      figures\n        Lines : 90 %\n1 passed, 0 failed')
  })
})
