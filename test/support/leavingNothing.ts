/** What reading a damaged file may not leave behind, or take. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const status = '/proc/self/status'
/** Sets the peak of the process back to what it holds now, where Linux allows it. */
const reset = '/proc/self/clear_refs'
const most = 200

const builtins = () =>
  [Object.prototype, Array.prototype, Function.prototype].map((each) => Object.getOwnPropertyNames(each).length)

/** The most memory that the process, with its threads, has held since the last reset, in MB. */
const peak = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) / 1024

/** Runs a function; it must leave built-in objects as they are, and, on Linux, the process must not grow by more than 200 MB meanwhile. */
export async function leavingNothing(run: () => Promise<void>): Promise<void> {
  const before = builtins()
  const isLinux = existsSync(reset)
  if (isLinux) writeFileSync(reset, '5')
  const held = isLinux ? peak() : 0
  await run()
  assert.deepEqual(builtins(), before)
  const grown = isLinux ? peak() - held : 0
  assert.ok(grown < most, `the process grew by ${grown} MB`)
}
