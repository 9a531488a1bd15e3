/** Programs that the package's tests run, and the folders that they run in. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  /** Both of its streams. */
  readonly output: string
}

interface SpawnOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly shell?: boolean
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], options: SpawnOptions = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 500_000, ...options })
  if (error) throw error
  return { code: status, stdout, output: stdout + stderr }
}

/** What a program prints; throws all that it printed when it fails. */
export function mustRun(program: string, args: readonly string[], options: SpawnOptions = {}): string {
  const { code, stdout, output } = run(program, args, options)
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}:\n${output}`)
  return stdout
}

/** A temporary folder with these files, removed at the end of the block. */
export function folderWith(files: Readonly<Record<string, string>>): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'neurode-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
