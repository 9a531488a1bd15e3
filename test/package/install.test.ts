/** The packed tarball, as users get it: installed into empty folders, without a script and without any build tool. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
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

for (const line of programs.nodeLines(target)) {
  describe(`the package on Node ${line}`, function () {
    this.slow(30_000)

    let folder: ReturnType<typeof folderWith>
    let node: string
    /** PATH holds this Node and a shell, and no compiler, no CMake and no Python. */
    let env: NodeJS.ProcessEnv

    before(() => {
      folder = folderWith({})
      node = programs.nodeBinary(target, line)
      const bin = join(folder.path, 'bin')
      const home = join(folder.path, 'home')
      for (const path of [bin, home]) mkdirSync(path)
      if (!isWindows) {
        symlinkSync(node, join(bin, 'node'))
        symlinkSync('/bin/sh', join(bin, 'sh'))
      }
      env = {
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
    })

    after(() => folder?.[Symbol.dispose]())

    function project(name: string): string {
      const path = join(folder.path, name)
      mkdirSync(path)
      writeFileSync(
        join(path, 'package.json'),
        JSON.stringify({ name, version: '1.0.0', type: 'module', private: true }),
      )
      for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
      return path
    }

    const report = <T>(cwd: string, program: string) =>
      JSON.parse(mustRun(node, [program], { cwd, env }).trim().split('\n').at(-1) ?? '') as T

    function checkTraining(cwd: string): void {
      const imported = report<TrainingReport>(cwd, 'train.mjs')
      assert.ok(imported.accuracy > 0.5)
      assert.deepEqual(report<TrainingReport>(cwd, 'train.cjs'), imported)
      assert.deepEqual(report<TrainingReport>(cwd, 'worker.mjs'), imported)
    }

    it('finds no build tool where it is installed', function () {
      if (isWindows) this.skip()
      for (const program of ['g++', 'gcc', 'clang', 'cc', 'c++', 'make', 'cmake', 'python', 'python3', 'node-gyp']) {
        assert.notEqual(run('/bin/sh', ['-c', `command -v ${program}`], { env }).code, 0, program)
      }
    })

    it('trains, predicts and type-checks after npm install --ignore-scripts', () => {
      const cwd = project('with-npm')
      mustRun(node, [npmProgram(), 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], { cwd, env })
      checkTraining(cwd)

      const { threadsStarted, addon, cuda, exports, differing, refused, devices, handles } = report<ImportReport>(
        cwd,
        'import.mjs',
      )
      assert.deepEqual(
        { threadsStarted, addon, cuda, handles },
        { threadsStarted: 0, addon: false, cuda: false, handles: [] },
      )
      assert.ok(exports.includes('neurode'))
      assert.deepEqual(differing, [])
      assert.deepEqual(new Set(refused), new Set(['ERR_PACKAGE_PATH_NOT_EXPORTED']))
      assert.equal(refused.length, 4)
      assert.equal(devices[0], 'cpu')

      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const options = [
        '--strict',
        '--noEmit',
        '--target',
        'es2023',
        '--lib',
        'es2023,esnext.disposable',
        '--module',
        'nodenext',
      ]
      options.push('--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'), 'program.ts')
      mustRun(process.execPath, [tsc, ...options], { cwd })

      const main = join(cwd, 'node_modules', 'neurode', 'dist', 'cli', 'main.js')
      const doctor = JSON.parse(mustRun(node, [main, 'doctor', '--json'], { cwd, env }))
      assert.match(doctor.addon.path, /prebuilds/)
      assert.equal(doctor.devices[0].training.steps, 10)
    })

    it('trains and predicts after pnpm add', () => {
      const cwd = project('with-pnpm')
      const cli = join(programs.fetchPackage(pnpm), 'bin', 'pnpm.cjs')
      mustRun(node, [cli, 'add', `--store-dir=${join(folder.path, 'store')}`, tarball], { cwd, env })
      checkTraining(cwd)
      const { pnpm: settings } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'))
      assert.equal(settings, undefined, 'no script had to be approved')
    })

    it('says what to do where no prebuilt addon fits', () => {
      const cwd = join(folder.path, 'with-npm')
      const program = 'process.report.getReport = () => ({ header: {} }); import("neurode").then((n) => n.devices())'
      const { code, output } = run(node, ['-e', program], { cwd, env })
      if (process.platform !== 'linux') return
      assert.equal(code, 1)
      assert.match(output, /build\/Release\/neurode\.node: there is no such file/)
      assert.match(output, /prebuilds\/\S+: it has neurode\.glibc\.node.*, and this process runs on musl/)
      assert.match(output, /Run "npx neurode build"/)
    })
  })
}
