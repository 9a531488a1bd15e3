// Brings the working tree up to date before a command: packages, dist/, the addon, and the parts that are named: `test`,
// `bench`, `examples`, or `smoke`, which is the tests without the emulator.
// It uses no packages, since it is the first script that runs in a fresh clone. It writes to stderr only, and nothing if all is
// up to date.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const addon = 'build/Release/neurode.node'
const cmakeCache = 'build/CMakeCache.txt'
const isWindows = process.platform === 'win32'

/** An error that the user can fix. It is shown without a stack. */
class Failure extends Error {}

function main(suites) {
  checkNode()
  // An addon that the environment names was built elsewhere.
  const isOurs = !process.env.NEURODE_NATIVE_PATH
  const addonIsStale =
    isOurs &&
    (!existsSync(addon) || changed('build/addon.stamp', ['CMakeLists.txt', 'cmake', 'native', 'third_party', 'cuda']))
  if (addonIsStale) requireTools()
  if (changed('node_modules/.package-lock.json', ['package.json', 'package-lock.json'])) installPackages()
  compile('lib', 'tsconfig.json', 'dist', [])
  compile('lib/serve/page', 'lib/serve/page/tsconfig.json', 'dist/serve/page', [])
  if (addonIsStale) buildAddon()
  if (suites.includes('test') && (isOurs || isOnPath('cmake'))) buildEmulator()
  for (const suite of suites) {
    const sources = suite === 'smoke' ? 'test' : suite
    compile(sources, join(sources, 'tsconfig.json'), join('build', sources), ['lib'])
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Failure(
    `Neurode needs Node.js 20.19 or newer and this is ${process.version}: install one from https://nodejs.org.`,
  )
}

function installPackages() {
  say('Installing npm packages')
  const command = existsSync('node_modules') || !existsSync('package-lock.json') ? 'install' : 'ci'
  const npm = process.env.npm_execpath
  const options = [command, '--ignore-scripts', '--no-audit', '--no-fund']
  if (npm && /\.c?js$/.test(npm)) run(process.execPath, [npm, ...options])
  else run(isWindows ? 'npm.cmd' : 'npm', options, { shell: isWindows })
  touch('node_modules/.package-lock.json')
}

function buildAddon() {
  if (!existsSync(addon))
    say('Building the native addon: about a minute, once; some minutes where there is a CUDA compiler')
  else say('Building the native addon again: its sources are newer')
  forgetMovedBuild()
  const output = run(process.execPath, [
    'node_modules/cmake-js/bin/cmake-js',
    'build',
    '--parallel',
    String(availableParallelism()),
  ])
  for (const [, line] of output.matchAll(/^-- Neurode: (.*)$/gm)) say(line)
  touch('build/addon.stamp')
}

/** Builds the CUDA library on the emulator, for tests on machines without a GPU. */
function buildEmulator() {
  if (process.platform !== 'linux') return
  const sources = [
    'CMakeLists.txt',
    'cmake',
    'native/engine',
    'native/ops',
    'cuda',
    'tools/cuda-emulator',
    'test/faults',
  ]
  if (!changed('build/emulator.stamp', sources)) return
  say('Building the CUDA library on the emulator')
  run('cmake', ['-S', '.', '-B', 'build/emulator', '-DNEURODE_EMULATOR=ON', '-DCMAKE_BUILD_TYPE=Release'])
  run('cmake', ['--build', 'build/emulator', '--parallel', String(availableParallelism())])
  touch('build/emulator.stamp')
}

/** Removes CMake's cache if the folder was copied or renamed: CMake refuses to build with the cache of another folder. */
function forgetMovedBuild() {
  if (!existsSync(cmakeCache) || isWindows) return
  if (readFileSync(cmakeCache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${process.cwd()}\n`)) return
  rmSync(cmakeCache)
  rmSync('build/CMakeFiles', { recursive: true, force: true })
}

function requireTools() {
  if (isWindows) return
  if (!isOnPath('g++') && !isOnPath('clang++')) throw missing('a C++20 compiler', 'g++ make', 'xcode-select --install')
  if (!isOnPath('cmake')) throw missing('CMake 3.20 or newer', 'cmake', 'brew install cmake')
  if (!isOnPath('make') && !isOnPath('ninja')) throw missing('make or ninja', 'make', 'xcode-select --install')
}

function missing(what, debian, mac) {
  const how =
    process.platform === 'darwin'
      ? `run "${mac}"`
      : `run "sudo apt-get install ${debian}", or install your system's packages of those names`
  return new Failure(`Neurode needs ${what} to build its native addon and found none: ${how}.`)
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** Compiles `sources` into `output` if they, or the sources that they depend on, have changed since the last time. */
function compile(sources, project, output, builtUpon) {
  const stamp = join('build', `${sources}.stamp`)
  const inputs = [sources, project, 'tsconfig.base.json', ...builtUpon]
  if (existsSync(output) && !changed(stamp, inputs)) return
  say(`Compiling ${sources}/`)
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project])
  removeOrphans(sources, output)
  touch(stamp)
}

/** Removes outputs whose sources no longer exist: the test runner would still find them. */
function removeOrphans(sources, output) {
  for (const path of filesIn(output)) {
    const source = join(sources, relative(output, path)).replace(/(\.d)?\.[a-z]+$/, '.ts')
    if (!existsSync(source)) rmSync(path)
  }
}

/** Whether `target` is missing or older than any of the files and folders. */
function changed(target, paths) {
  const built = timeOf(target)
  return paths.some((path) => newest(path) > built)
}

function newest(path) {
  const time = timeOf(path)
  if (!existsSync(path) || !statSync(path).isDirectory()) return time
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), time)
}

function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

/** Runs a program and returns its output. The output is shown only if the program fails. */
function run(program, args, options = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  if (status === 0) return stdout + stderr
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`)
  throw new Failure(`${[program, ...args].join(' ')} failed: ${error?.message ?? signal ?? `exit code ${status}`}.`)
}

function touch(path) {
  if (existsSync(path)) return utimesSync(path, new Date(), new Date())
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
}

function say(line) {
  process.stderr.write(`neurode: ${line}\n`)
}

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
try {
  main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Failure)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
