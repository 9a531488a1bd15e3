/** The packed tarball, as users get it: installed into empty folders, without a script and without any build tool. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { folderWith, mustRun, root, run } from './commands.js'
import { files, type ImportReport, type TrainingReport } from './programs.js'

const programs: typeof import('../../scripts/node-binary.mjs') = await import(join(root, 'scripts', 'node-binary.mjs'))
const target = `${process.platform}-${process.arch}`
const isWindows = process.platform === 'win32'
const tarball = join(root, 'build', readdirSync(join(root, 'build')).find((name) => name.endsWith('.tgz')) ?? 'none')
const pnpm = 'pnpm@10.34.8'

/** npm's own program, whatever Node runs it. */
function npmProgram(): string {
  const { npm_execpath: running } = process.env
  if (running && /npm-cli\.c?js$/.test(running)) return running
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.flatMap((folder) =>
    readdirIn(folder).includes('npm') ? [realpathSync(join(folder, 'npm'))] : [],
  )
  assert.ok(found[0], 'npm is not on PATH')
  return found[0]
}

function readdirIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const registry =
  mustRun(isWindows ? 'npm.cmd' : 'npm', ['config', 'get', 'registry'], { shell: isWindows })
    .trim()
    .split('\n')
    .at(-1) ?? ''

const lines = programs.nodeLines(target)

describe('the package', function () {
  this.slow(30_000)

  let folder: ReturnType<typeof folderWith>

  /** An environment whose PATH holds this Node and a shell, and no compiler, no CMake and no Python. */
  function environment(line: string): NodeJS.ProcessEnv {
    const node = programs.nodeBinary(target, line)
    const bin = join(folder.path, `bin-${line}`)
    const home = join(folder.path, 'home')
    for (const path of [bin, home]) mkdirSync(path, { recursive: true })
    if (!isWindows) {
      linkTo(node, join(bin, 'node'))
      linkTo('/bin/sh', join(bin, 'sh'))
    }
    return {
      PATH: isWindows ? `${join(node, '..')};C:\\Windows\\System32` : bin,
      HOME: home,
      ...(isWindows
        ? { SystemRoot: process.env.SystemRoot, USERPROFILE: home, APPDATA: home, LOCALAPPDATA: home }
        : {}),
      // The machine's own, where it has some.
      ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS } : {}),
      npm_config_cache: join(folder.path, 'cache'),
      npm_config_registry: registry,
      npm_config_update_notifier: 'false',
      npm_config_manage_package_manager_versions: 'false',
    }
  }

  /** A new project in which a package manager, a JavaScript program, has installed the tarball. */
  function install(name: string, manager: string, ...args: readonly string[]): string {
    const cwd = join(folder.path, name)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ name, version: '1.0.0', type: 'module', private: true }))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text)
    const [line = ''] = lines
    mustRun(programs.nodeBinary(target, line), [manager, ...args, tarball], { cwd, env: environment(line) })
    return cwd
  }

  let withNpm: string
  let withPnpm: string

  before(() => {
    folder = folderWith({})
    withNpm = install('with-npm', npmProgram(), 'install', '--ignore-scripts', '--no-audit', '--no-fund')
    const pnpmProgram = join(programs.fetchPackage(pnpm), 'bin', 'pnpm.cjs')
    withPnpm = install('with-pnpm', pnpmProgram, 'add', `--store-dir=${join(folder.path, 'store')}`)
  })

  after(() => folder?.[Symbol.dispose]())

  it('is installed where there is no build tool', function () {
    if (isWindows) this.skip()
    const env = environment(lines[0] as string)
    for (const program of ['g++', 'gcc', 'clang', 'cc', 'c++', 'make', 'cmake', 'python', 'python3', 'node-gyp']) {
      assert.notEqual(run('/bin/sh', ['-c', `command -v ${program}`], { env }).code, 0, program)
    }
  })

  it('asks pnpm for no approval of scripts', () => {
    const { pnpm: settings } = JSON.parse(readFileSync(join(withPnpm, 'package.json'), 'utf8'))
    assert.equal(settings, undefined)
  })

  it('type-checks a strict program', () => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = ['--strict', '--noEmit', '--target', 'es2023', '--lib', 'es2023,esnext.disposable']
    options.push('--module', 'nodenext', '--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'))
    mustRun(process.execPath, [tsc, ...options, 'program.ts'], { cwd: withNpm })
  })

  for (const line of lines) {
    describe(`on Node ${line}`, () => {
      let node: string
      let env: NodeJS.ProcessEnv

      before(() => {
        node = programs.nodeBinary(target, line)
        env = environment(line)
      })

      const report = <T>(cwd: string, program: string) =>
        JSON.parse(mustRun(node, [program], { cwd, env }).trim().split('\n').at(-1) ?? '') as T

      it('trains and predicts, imported, required and in a worker, from npm and from pnpm', () => {
        const imported = report<TrainingReport>(withNpm, 'train.mjs')
        assert.ok(imported.accuracy > 0.5)
        assert.deepEqual(report<TrainingReport>(withNpm, 'train.cjs'), imported)
        assert.deepEqual(report<TrainingReport>(withNpm, 'worker.mjs'), imported)
        assert.deepEqual(report<TrainingReport>(withPnpm, 'train.mjs'), imported)
      })

      it('does nothing when it is imported, and shows what it exports alone', () => {
        const { exports, differing, refused, devices, ...effects } = report<ImportReport>(withNpm, 'import.mjs')
        assert.deepEqual(effects, { threadsStarted: 0, addon: false, cuda: false, handles: [] })
        assert.ok(exports.includes('neurode'))
        assert.deepEqual(differing, [])
        assert.deepEqual(refused, Array(4).fill('ERR_PACKAGE_PATH_NOT_EXPORTED'))
        assert.equal(devices[0], 'cpu')
      })

      it('passes its own examination', () => {
        const main = join(withNpm, 'node_modules', 'neurode', 'dist', 'cli', 'main.js')
        const doctor = JSON.parse(mustRun(node, [main, 'doctor', '--json'], { cwd: withNpm, env }))
        assert.match(doctor.addon.path, /prebuilds/)
        assert.equal(doctor.devices[0].training.steps, 10)
      })
    })
  }

  it('says what to do where no prebuilt addon fits', function () {
    if (process.platform !== 'linux') this.skip()
    const program = 'process.report.getReport = () => ({ header: {} }); import("neurode").then((n) => n.devices())'
    const { code, output } = run(process.execPath, ['-e', program], {
      cwd: withNpm,
      env: environment(lines[0] as string),
    })
    assert.equal(code, 1)
    assert.match(output, /build\/Release\/neurode\.node: there is no such file/)
    assert.match(output, /prebuilds\/\S+: it has neurode\.glibc\.node.*, and this process runs on musl/)
    assert.match(output, /Run "npx neurode build"/)
  })
})

function linkTo(path: string, link: string): void {
  if (!existsSync(link)) symlinkSync(path, link)
}
