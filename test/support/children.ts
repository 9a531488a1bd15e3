/** Runs the small programs of test/support/programs in processes of their own. */

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The path of a compiled program. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url))
}

/** Runs a program to its end. If the program does not end by itself, it is killed, and the result names the signal. */
export function runChild(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return runNode([programPath(name), ...args], env)
}

/** Runs node with these arguments to the end of the process. */
export function runNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  timeout = 500_000,
): Promise<Ended> {
  return runCommand(process.execPath, ['--expose-gc', ...args], env, timeout)
}

/** Runs a command to the end of its process. */
export function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  timeout = 500_000,
  stdin = '',
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout,
    })
    // A command that does not read its input closes it.
    child.stdin.on('error', () => {}).end(stdin)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}

/**
 * A prefix that runs a command as process 1 of a namespace of its own, which ends with the command; undefined if the system
 * refuses that.
 */
export function asProcessOne(): readonly string[] | undefined {
  const ways = [[], ['--user', '--map-root-user']].map((more) => [
    'unshare',
    ...more,
    '--pid',
    '--fork',
    '--kill-child',
  ])
  return ways.find(([command = '', ...args]) => spawnSync(command, [...args, 'true']).status === 0)
}
