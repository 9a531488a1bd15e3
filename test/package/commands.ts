/** Runs programs for the tests of the package, and makes folders for them. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  /** The text of both output streams. */
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

/** Runs a program and returns what it prints. Throws an error with all of its output if it fails. */
export function mustRun(program: string, args: readonly string[], options: SpawnOptions = {}): string {
  const { code, stdout, output } = run(program, args, options)
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}:\n${output}`)
  return stdout
}

/** Makes a temporary folder with these files, which is removed at the end of the block. */
export function folderWith(files: Readonly<Record<string, string>>): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'neurode-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
