/** Runs probes in child processes and returns what they found, or how they failed. */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { thisPackage } from '../base/packageRoot.js'
import type { Probes } from './probe.js'

export type Outcome<T> =
  | { readonly found: T; readonly reason?: never }
  | { readonly reason: string; readonly found?: never }

/** A probe is killed after this many milliseconds, as a broken driver can hang. */
const mostMilliseconds = 60_000

/** Runs a probe of lib/cli/probe.ts in a child process. */
export function probe<Name extends keyof Probes>(
  name: Name,
  ...args: readonly string[]
): Promise<Outcome<Probes[Name]>> {
  const script = join(thisPackage().root, 'dist', 'cli', 'probe.js')
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, name, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', ...launcherStdio()],
      timeout: mostMilliseconds,
      killSignal: 'SIGKILL',
    }) as ChildProcessByStdio<null, Readable, Readable>
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const started = performance.now()
    child.on('error', (error) => resolve({ reason: `no process could be started: ${error.message}` }))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(parse(stdout))
      const end =
        performance.now() - started >= mostMilliseconds
          ? `did not end in ${mostMilliseconds / 1000} s`
          : signal
            ? `was ended by ${signal}`
            : `ended with exit code ${code}`
      const said = stderr.trim().split('\n').at(-1)
      resolve({ reason: `the process that tried it ${end}${said ? `: ${said}` : ''}` })
    })
  })
}

/** Hands on the descriptor through which a process that MPICH started speaks to its launcher, under the same number. */
function launcherStdio(): readonly ('ignore' | number)[] {
  const descriptor = Number(process.env.PMI_FD)
  if (!Number.isInteger(descriptor) || descriptor < 3 || descriptor > 1000) return []
  return [...new Array<'ignore'>(descriptor - 3).fill('ignore'), descriptor]
}

function parse<T>(text: string): Outcome<T> {
  try {
    return JSON.parse(text) as Outcome<T>
  } catch {
    return { reason: `the process that tried it answered '${text.slice(0, 100)}'` }
  }
}
