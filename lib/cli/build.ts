/** `neurode build`: builds the native addon of this package from its sources, for machines without a prebuilt one. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { NeurodeError } from '../base/errors.js'
import { thisPackage } from '../base/packageRoot.js'
import { probe } from './children.js'
import { describeOptions, integerOption, type Options, parse, UsageError } from './options.js'

const options: Options = { jobs: { value: 'N', help: 'files compiled at once (the processors of this process)' } }

/** Runs the command and returns the exit code: 0 if the addon was built and loads. */
export async function build(args: readonly string[]): Promise<number> {
  const parsed = parse(args, options)
  if (parsed.values.help) {
    process.stdout.write(describeOptions('neurode build [options]', options))
    return 0
  }
  if (parsed.positionals.length > 0) {
    throw new UsageError(`expected 'neurode build [options]', got '${parsed.positionals[0]}'`)
  }
  const jobs = integerOption(parsed, 'jobs', 1) ?? availableParallelism()
  const { root } = thisPackage()
  requirePrograms()
  const modules = findTools(root) ?? installTools(root)
  run(
    [join(modules, 'cmake-js', 'bin', 'cmake-js'), 'build', '--directory', root, '--parallel', String(jobs)],
    // With NODE_PATH, the scripts that CMakeLists.txt runs in Node find the packages as well.
    { ...process.env, NODE_PATH: modules },
    root,
  )
  const { found, reason } = await probe('addon')
  if (!found) throw new NeurodeError('ERR_NATIVE_LOAD', `the addon was built but cannot be loaded: ${reason}`)
  process.stdout.write(`Built ${found.path}\n`)
  return 0
}

function requirePrograms(): void {
  if (process.platform === 'win32') return
  const has = (program: string) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
  const missing = [
    ...(has('cmake') ? [] : ['CMake 3.20 or newer']),
    ...(has('g++') || has('clang++') || has('c++') ? [] : ['a C++20 compiler']),
    ...(has('make') || has('ninja') ? [] : ['make or ninja']),
  ]
  if (missing.length === 0) return
  const how =
    process.platform === 'darwin'
      ? '"xcode-select --install" and "brew install cmake"'
      : '"sudo apt-get install g++ make cmake", or your system\'s packages of those names'
  throw new NeurodeError('ERR_NATIVE_LOAD', `a build needs ${missing.join(' and ')}, which PATH does not have: ${how}`)
}

/** The node_modules folder that contains cmake-js; in a clone of the repository, its own. */
function findTools(root: string): string | undefined {
  const candidates = [join(root, 'node_modules'), toolsFolder(root)]
  return candidates.find(
    (modules) => existsSync(join(modules, 'cmake-js')) && existsSync(join(modules, 'node-addon-api')),
  )
}

function toolsFolder(root: string): string {
  return join(root, 'build', 'tools', 'node_modules')
}

function installTools(root: string): string {
  const { buildTools } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const folder = join(root, 'build', 'tools')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: buildTools }))
  process.stdout.write(`Installing ${Object.keys(buildTools).join(', ')} in ${folder}\n`)
  const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', folder]
  const npm = findNpm()
  if (npm) run([npm, ...options], process.env, folder)
  else runShell(`npm ${options.map((option) => JSON.stringify(option)).join(' ')}`, folder)
  return toolsFolder(root)
}

/** The path of npm: of the one that runs this command, or of the one installed with this Node. */
function findNpm(): string | undefined {
  const { npm_execpath: running } = process.env
  if (running && /npm-cli\.c?js$/.test(running)) return running
  try {
    return createRequire(process.execPath).resolve('../lib/node_modules/npm/bin/npm-cli.js')
  } catch {
    return undefined
  }
}

function run(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): void {
  const { status, signal, error } = spawnSync(process.execPath, args, { stdio: 'inherit', env, cwd })
  if (status !== 0) throw failed(args.join(' '), error?.message ?? signal ?? `exit code ${status}`)
}

function runShell(command: string, cwd: string): void {
  const { status, error } = spawnSync(command, { stdio: 'inherit', shell: true, cwd })
  if (status !== 0) throw failed(command, error?.message ?? `exit code ${status}`)
}

function failed(what: string, why: string): NeurodeError {
  return new NeurodeError('ERR_NATIVE_LOAD', `${what} failed: ${why}`)
}
