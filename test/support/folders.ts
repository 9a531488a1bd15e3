/** Folders for files of a suite. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Called where a suite is described: a folder that is made before its tests run, and removed after them. */
export function suiteFolder(): { readonly path: string } {
  let path: string | undefined
  before(() => {
    path = mkdtempSync(join(tmpdir(), 'neurode-'))
  })
  after(() => {
    if (path !== undefined) rmSync(path, { recursive: true, force: true })
  })
  return {
    get path() {
      if (path === undefined) throw new Error('a folder is made when tests run')
      return path
    },
  }
}
