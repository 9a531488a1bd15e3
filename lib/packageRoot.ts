/** Where this package lies, whatever file of it this text ends up in. */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface PackageFile {
  readonly name?: string | undefined
  readonly version: string
}

/** The folder of Neurode's `package.json`, and what that says. */
export function findPackage(): { readonly root: string; readonly packageFile: PackageFile } {
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const packageFile = readPackageFile(folder)
    if (packageFile?.name === 'neurode') return { root: folder, packageFile }
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`no package.json of Neurode lies above ${fileURLToPath(import.meta.url)}`)
    folder = parent
  }
}

function readPackageFile(folder: string): PackageFile | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  } catch {
    return undefined
  }
}
