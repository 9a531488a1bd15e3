/** Temporary folders for the files of a suite. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes a folder before the tests of a suite run, and removes it after them. Call it in the body of `describe`. */
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
