/** Folders in which libraries are looked for, without loading them. */

import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface FileFinding {
  readonly found: boolean
  readonly path?: string
  readonly version?: string
  readonly reason?: string
}

/** Folders that the dynamic loader searches by default. Its cache, which lists more, has no documented format. */
const systemFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/lib/x86_64-linux-gnu',
  '/usr/lib/wsl/lib',
]
/** The folders that the dynamic loader searches. */
export function loaderFolders(): string[] {
  return [...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), ...systemFolders]
}

/** The first file in these folders whose name matches. */
export function findIn(folders: readonly string[], name: RegExp): string | undefined {
  for (const folder of folders) {
    const found = list(folder).find((path) => name.test(basename(path)))
    if (found !== undefined) return found
  }
  return undefined
}

/** The paths of all that is in a folder; none where there is no such folder. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}
