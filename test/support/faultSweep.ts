/** Runs scenarios of test/support/faultScenarios.ts in separate processes, while each time another request to the system fails. */

import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { programPath } from './children.js'

export interface Sweep {
  readonly scenario: string
  readonly device: string
  /** The kind of request that fails: a kind of test/faults/faults.cc, or a switch of the emulator. */
  readonly kind: string
  /** Whether each failing request gets a process of its own that starts under the fault. Default: one process for all. */
  readonly cold?: boolean
  readonly first?: number
  readonly last?: number
  /** The distance between two requests that are made to fail. Default 1. */
  readonly step?: number
  /** Environment variables of the processes. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Outcome {
  /** How many requests failed. */
  readonly failed: number
  /** The errors, and how often each occurred. */
  readonly said: Readonly<Record<string, number>>
  /** The problems found; empty if there are none. */
  readonly problems: readonly string[]
}

const library = resolve('build/emulator/neurode_faults.so')
/** Seconds without output after which a process counts as hung. */
const patience = 25

/** Lets one request after the other fail, until a run makes no more requests. */
export async function sweep({
  scenario,
  device,
  kind,
  cold = false,
  first = 1,
  last = 1_000_000,
  step = 1,
  env = {},
}: Sweep): Promise<Outcome> {
  const folder = resolve(`build/faults-${process.pid}`)
  const problems: string[] = []
  const said: Record<string, number> = {}
  let failed = 0
  let n = first
  while (n <= last) {
    const end = cold ? n : last
    const args = [scenario, device, kind, String(n), String(end), cold ? 'cold' : 'warm', String(step)]
    const child = spawn(process.execPath, ['--expose-gc', programPath('faults'), ...args], {
      env: { ...process.env, ...env, NEURODE_FAULT_FOLDER: folder, LD_PRELOAD: library, NEURODE_THREADS: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2000)
    })
    const ended = new Promise<string>((resolve) =>
      child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`)),
    )
    let isDone = false
    let isLast = false
    const timer = setTimeout(() => child.kill('SIGKILL'), patience * 1000)
    for await (const line of createInterface({ input: child.stdout })) {
      timer.refresh()
      const report = JSON.parse(line)
      if (report.n !== undefined) n = report.n
      if (report.problem !== undefined) problems.push(`${kind} ${n}: ${report.problem}`)
      if (report.count !== undefined) {
        isLast = report.count < n
        if (!isLast) failed++
        for (const code of report.said) said[code] = (said[code] ?? 0) + 1
      }
      isDone ||= report.done === true
    }
    const how = await ended
    clearTimeout(timer)
    if (!isDone || how !== 'exit code 0') {
      problems.push(`${kind} ${n}: ${isDone ? 'done, but ' : ''}${how} ${stderr.trim()}`)
    }
    n += step
    if (isLast) break
    if (isDone && !cold) break
  }
  rmSync(folder, { recursive: true, force: true })
  return { failed, said, problems }
}
