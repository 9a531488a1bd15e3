// Installs tools that need a TypeScript with an API, or that have many packages: each has a folder with a lock file of its own.

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of `scripts/<name>`, with its packages installed. */
export function toolFolder(name) {
  const folder = join(dirname(fileURLToPath(import.meta.url)), name)
  // npm writes this file last: where it is missing or older than the lock file, the packages are not those of the lock file.
  const installed = join(folder, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && modified(installed) >= modified(join(folder, 'package-lock.json'))) return folder
  const isWindows = process.platform === 'win32'
  const { status } = spawnSync(isWindows ? 'npm.cmd' : 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    shell: isWindows,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error(`npm ci in ${folder} ended with ${status}`)
  return folder
}

function modified(path) {
  return statSync(path).mtimeMs
}
