/**
 * Runs a scenario again and again, while each time another request to the system fails (test/faults/faults.cc). Prints a line
 * for each failed request: the error, and whether everything is right afterwards.
 */

import { setTimeout as sleep } from 'node:timers/promises'

const [name = '', device = '', kind = '', first = '1', last = '1', start = 'warm', step = '1'] = process.argv.slice(2)

/** Lets the n-th request from now on fail, or none. */
function arm(n?: number): void {
  process.env.NEURODE_FAULT = n === undefined ? '' : `${kind}:${n}`
}

const requests = () => Number(process.env.NEURODE_FAULT_REQUESTS)

// In a cold start, even initialization that a process does only once runs under the fault.
if (start === 'cold') arm(Number(first))
const { scenarios } = await import('../faultScenarios.js')
const { NeurodeError } = await import('neurode')
const make = scenarios[name]
if (make === undefined) throw new Error(`no scenario ${name}`)

function told(error: unknown): string {
  if (error instanceof NeurodeError) return error.code
  return `not a NeurodeError: ${(error as Error)?.stack ?? String(error)}`
}

process.on('uncaughtException', (error) => {
  console.log(JSON.stringify({ problem: `uncaught: ${told(error)}` }))
  process.exit(3)
})

for (let n = Number(first); n <= Number(last); n += Number(step)) {
  console.log(JSON.stringify({ n }))
  const said: string[] = []
  let problem: string | undefined
  let scenario: Awaited<ReturnType<typeof make>> | undefined
  const attempt = async (what: () => unknown) => {
    try {
      await what()
    } catch (error) {
      said.push(told(error))
    }
  }
  if (start === 'cold') {
    await attempt(async () => {
      scenario = await make(device)
      await scenario.run()
    })
  } else {
    scenario = await make(device)
    arm(n)
    await attempt(scenario.run)
  }
  // A wait, so that work on other threads ends under the fault, too.
  await sleep(start === 'cold' ? 20 : 0)
  const count = requests()
  arm()
  try {
    scenario ??= await make(device)
    problem = await scenario.check()
    await scenario.end()
  } catch (error) {
    // If a library failed to load, the process does not try again.
    if (kind === 'library') said.push(told(error))
    else problem = `afterwards: ${told(error)}`
  }
  problem ??= said.find((code) => code.startsWith('not'))
  console.log(JSON.stringify({ n, count, said, ...(problem === undefined ? {} : { problem }) }))
  if (count < n) break
}
console.log(JSON.stringify({ done: true }))
