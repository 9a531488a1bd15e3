/**
 * Follows docs/add-a-layer.md literally in a copy of the tree: it needs four files, and the new layer computes what it should
 * on every device.
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { applyStep, copyTree, readSteps, removeTree, runProgram, type Step, secondBuild } from './support/followed.js'

const page = 'docs/add-a-layer.md'

/** What is compiled again is compiled without optimization, which would take most of the time. */
const plain = ['CMAKE_BUILD_TYPE=Debug', 'CMAKE_CXX_FLAGS_DEBUG=-O0']
const parallel = ['--parallel', String(availableParallelism())]

function build(folder: string, steps: readonly Step[]): void {
  // The emulator stands for CUDA here: no CUDA compiler is asked, which would take minutes.
  const env = { ...secondBuild(folder, steps), NEURODE_CUDA_ARCHS: 'none' }
  const run = (program: string, args: readonly string[]) => runProgram(program, args, folder, env)
  const node = (script: string, ...args: string[]) => run(process.execPath, [resolve(script), ...args])
  const cmake = (...args: string[]) => run('cmake', args)

  node('node_modules/cmake-js/bin/cmake-js', 'build', '--debug', ...parallel, ...plain.map((value) => `--CD${value}`))
  cmake('-S', '.', '-B', 'build/emulator', '-DNEURODE_EMULATOR=ON', ...plain.map((value) => `-D${value}`))
  cmake('--build', 'build/emulator', '--target', 'neurode_cuda_emulated', ...parallel)

  const compilerOptions = { rootDir: 'test', outDir: 'build/test', types: ['node', 'mocha'] }
  const files = ['test/support/setup.ts', 'test/layers.test.ts']
  writeFileSync(join(folder, 'tests.json'), JSON.stringify({ extends: './tsconfig.base.json', compilerOptions, files }))
  node('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json')
  node('node_modules/typescript/bin/tsc', '-p', 'tests.json')
}

describe(page, () => {
  const steps = readSteps(page)
  const touched = [...new Set(steps.map(({ file }) => file))]
  let folder: string

  before(function () {
    if (process.platform !== 'linux') this.skip()
    this.timeout(30 * 60_000)
    folder = copyTree('add-a-layer', [
      ...[
        'CMakeLists.txt',
        'cmake',
        'native',
        'third_party',
        'cuda',
        'lib',
        'package.json',
        'tsconfig.json',
        'tsconfig.base.json',
      ],
      ...['test/support', 'test/golden', 'test/data', 'test/native', 'test/faults', 'tools/cuda-emulator'],
      'test/layers.test.ts',
    ])
    for (const step of steps) applyStep(folder, step)
    build(folder, steps)
  })

  after(() => removeTree(folder))

  /** Runs the tests of a suite whose titles match, and returns how many passed. */
  function passing(suite: string, titles: string): number {
    const env = {
      ...process.env,
      NEURODE_NATIVE_PATH: join(folder, 'build/Debug/neurode.node'),
      NEURODE_CUDA_LIBRARY: join(folder, 'build/emulator/neurode_cuda_emulated.so'),
      NEURODE_GOLDEN: process.env.NEURODE_GOLDEN && resolve(process.env.NEURODE_GOLDEN),
    }
    const options = ['--no-config', '--require', 'build/test/support/setup.js', '--timeout', '600000', '--exit']
    const args = [resolve('node_modules/mocha/bin/mocha.js'), ...options, '--reporter', 'json', '--grep', titles]
    const { stats } = JSON.parse(runProgram(process.execPath, [...args, `build/test/${suite}.test.js`], folder, env))
    assert.equal(stats.pending, 0)
    return stats.passes
  }

  it('touches four files beside tests, those that it names', () => {
    const product = touched.filter((file) => !file.startsWith('test/'))
    assert.deepEqual(product, ['native/ops/pooling.h', 'lib/layers/pooling.ts', 'lib/layers/index.ts', 'lib/index.ts'])
  })

  it('makes a layer that gives the right numbers on every device', () => {
    assert.equal(passing('layers', 'with its sign turned: globalMinPooling1D'), 2)
  })

  it('makes a layer of which holds what holds for every layer', () => {
    assert.ok(passing('layers', 'globalMinPooling1D|is among the cases') >= 2 * 4)
  })
})
