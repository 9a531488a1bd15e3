/** Every argument and option of every public function, replaced by every odd value: typed errors, and nothing else. */

import assert from 'node:assert/strict'
import { chdir, cwd } from 'node:process'
import { NeurodeError } from 'neurode'
import { inFolder } from './data/files.js'
import { OddError, oddValues } from './support/oddValues.js'
import { type PublicCall, publicCalls } from './support/publicCalls.js'

const longestMilliseconds = 20_000

/** Calls with one argument, or one option of an argument, replaced. */
function* mutations(call: PublicCall): Generator<[what: string, args: unknown[]]> {
  const places = call.args()
  for (const [name, make] of oddValues) {
    for (let i = 0; i < places.length; i++) {
      const args = call.args()
      args[i] = make()
      yield [`${call.name}, argument ${i}: ${name}`, args]
      const options = places[i]
      if (typeof options !== 'object' || options === null || Object.getPrototypeOf(options) !== Object.prototype)
        continue
      for (const key of Object.keys(options)) {
        const args = call.args()
        args[i] = { ...(args[i] as object), [key]: make() }
        yield [`${call.name}, ${key}: ${name}`, args]
      }
    }
    // A third argument where two are taken.
    yield [`${call.name}, one argument more: ${name}`, [...call.args(), make()]]
  }
}

/** What is wrong with how a call ended, or nothing. */
async function outcome({ call }: PublicCall, args: unknown[]): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('it hangs'), longestMilliseconds)
  })
  try {
    return await Promise.race([Promise.resolve(call(...args)).then(() => undefined), late])
  } catch (error) {
    // A class is a function whose call is the caller's own mistake.
    if (error instanceof TypeError && error.message.startsWith('Class constructor')) return undefined
    if (error instanceof OddError || error instanceof NeurodeError) {
      if (error instanceof NeurodeError && error.code === 'ERR_INTERNAL') return String(error)
      return undefined
    }
    return error instanceof Error
      ? `${error.name}: ${error.message} ${error.stack?.split('\n')[1]?.trim()}`
      : `${typeof error} thrown`
  } finally {
    clearTimeout(timer)
  }
}

describe('odd arguments', () => {
  let calls = 0
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  const quiet = (warning: Error) => void warning
  before(() => {
    process.on('unhandledRejection', note)
    process.on('warning', quiet)
  })
  after(() => {
    process.off('unhandledRejection', note)
    process.off('warning', quiet)
  })

  for (const call of publicCalls) {
    it(`give typed errors: ${call.name}`, async () => {
      const before = cwd()
      const wrong: string[] = []
      await inFolder(async (folder) => {
        chdir(folder)
        try {
          assert.equal(await outcome(call, call.args()), undefined, 'the call itself')
          for (const [what, args] of mutations(call)) {
            calls++
            const result = await outcome(call, args)
            if (result !== undefined) wrong.push(`${what}: ${result}`)
          }
        } finally {
          chdir(before)
        }
      })
      await new Promise((resolve) => setImmediate(resolve))
      for (const reason of unhandled.splice(0))
        if (!(reason instanceof OddError)) wrong.push(`nobody awaits: ${reason}`)
      assert.deepEqual(wrong, [])
    })
  }

  it('were at least 20,000', () => assert.ok(calls >= 20_000, `${calls} calls`))
})
