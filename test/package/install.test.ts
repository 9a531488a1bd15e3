/** The packed tarball as users get it: it is installed into empty folders, without install scripts and without build tools. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun, run } from './commands.js'
import type { ImportReport, SharedReport, TrainingReport } from './programs.js'
import { environment, installedWith, isWindows, lines, oldest, programs, target } from './trees.js'

describe('the package', function () {
  this.slow(30_000)

  let withNpm: string
  let withPnpm: string
  let withYarn: string

  before(() => {
    withNpm = installedWith('npm')
    withPnpm = installedWith('pnpm')
    withYarn = installedWith('yarn')
  })

  it('is installed where there is no build tool', function () {
    if (isWindows) this.skip()
    const env = environment(oldest)
    for (const program of ['g++', 'gcc', 'clang', 'cc', 'c++', 'make', 'cmake', 'python', 'python3', 'node-gyp']) {
      assert.notEqual(run('/bin/sh', ['-c', `command -v ${program}`], { env }).code, 0, program)
    }
  })

  it('asks pnpm for no approval of scripts', () => {
    const { pnpm: settings } = JSON.parse(readFileSync(join(withPnpm, 'package.json'), 'utf8'))
    assert.equal(settings, undefined)
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

      it('trains and predicts, imported, required and in a worker, from npm, pnpm and Yarn', () => {
        const imported = report<TrainingReport>(withNpm, 'train.mjs')
        assert.ok(imported.accuracy > 0.5)
        assert.deepEqual(report<TrainingReport>(withNpm, 'train.cjs'), imported)
        assert.deepEqual(report<TrainingReport>(withNpm, 'worker.mjs'), imported)
        assert.deepEqual(report<TrainingReport>(withPnpm, 'train.mjs'), imported)
        assert.deepEqual(report<TrainingReport>(withYarn, 'train.cjs'), imported)
      })

      it('is one, imported and required, and serves without a Fastify beside it', () => {
        assert.deepEqual(report<SharedReport>(withNpm, 'shared.cjs'), {
          differing: [],
          errors: [true, true],
          addons: 1,
          loadedBefore: false,
          answer: { predictions: [[0, 0]] },
          page: 200,
        })
      })

      it('reads and writes files for Keras', () => {
        assert.deepEqual(report(withNpm, 'keras.cjs'), { same: [true, true], loaded: false })
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
      env: environment(oldest),
    })
    assert.equal(code, 1)
    assert.match(output, /build\/Release\/neurode\.node: there is no such file/)
    assert.match(output, /prebuilds\/\S+: it has neurode\.glibc\.node.*, and this process runs on musl/)
    assert.match(output, /Run "npx neurode build"/)
  })
})
