// Node's own binaries as npm has them, in build/nodes. `node scripts/node-binary.mjs linux-arm64 20` prints the path of one.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The release of each line that the tests run on: one that npm has for every platform. */
const versions = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }
export const nodeLines = Object.keys(versions)

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The path of Node `line` for `target`; fetched the first time. */
export function nodeBinary(target, line) {
  const name = `node-${target === 'win32-x64' ? 'win-x64' : target}@${versions[line]}`
  const folder = join(root, 'build', 'nodes', name)
  const binary = join(folder, 'package', 'bin', target.startsWith('win32') ? 'node.exe' : 'node')
  if (existsSync(binary)) return binary
  const fetching = `${folder}.${process.pid}`
  mkdirSync(fetching, { recursive: true })
  const tarball = run(npmCommand(), ['pack', '--silent', '--pack-destination', fetching, name])
    .trim()
    .split('\n')
    .at(-1)
  run('tar', ['-xzf', join(fetching, tarball), '-C', fetching])
  rmSync(join(fetching, tarball))
  rmSync(folder, { recursive: true, force: true })
  renameSync(fetching, folder)
  return binary
}

function npmCommand() {
  return process.platform === 'win32' ? 'npm.cmd' : 'npm'
}

function run(program, args) {
  const options = { encoding: 'utf8', shell: process.platform === 'win32', cwd: root }
  const { status, error, stdout, stderr } = spawnSync(program, args, options)
  if (status === 0) return stdout
  throw new Error(`${[program, ...args].join(' ')} failed: ${error?.message ?? stderr}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(nodeBinary(process.argv[2], process.argv[3]))
