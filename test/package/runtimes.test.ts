/** The packed tarball in runtimes other than Node. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { run } from './commands.js'
import type { SharedReport, TrainingReport } from './programs.js'
import { environment, installedWith, oldest, programs, target } from './trees.js'

/** The runtimes' packages on npm, and how they run a program. */
const runtimes = {
  Deno: { package: '@deno/linux-x64-glibc@2.9.6', path: 'deno', args: ['run', '--allow-all', '--no-prompt'] },
  Bun: { package: '@oven/bun-linux-x64-baseline@1.4.5', path: join('bin', 'bun'), args: ['run'] },
}

for (const [name, runtime] of Object.entries(runtimes)) {
  describe(`the package in ${name}`, function () {
    this.slow(30_000)

    let cwd: string
    let path: string

    before(function () {
      if (target !== 'linux-x64') this.skip()
      cwd = installedWith('npm')
      path = join(programs.fetchPackage(runtime.package), runtime.path)
    })

    /** Runs a program and returns what it prints last. The program must succeed and print no error. */
    function report<T>(program: string): T {
      const env = { ...environment(oldest), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }
      const { code, stdout, output } = run(path, [...runtime.args, program], { cwd, env })
      assert.equal(code, 0, output)
      assert.doesNotMatch(output.slice(stdout.length), /panic|error/i)
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T
    }

    it('trains and predicts, imported, required and in a worker, and ends without an error', () => {
      const imported = report<TrainingReport>('train.mjs')
      assert.ok(imported.accuracy > 0.5)
      assert.deepEqual(report<TrainingReport>('train.cjs'), imported)
      assert.deepEqual(report<TrainingReport>('worker.mjs'), imported)
    })

    it('is one, imported and required, and serves', () => {
      const { differing, errors, answer, page } = report<SharedReport>('shared.cjs')
      assert.deepEqual(differing, [])
      assert.deepEqual(errors, [true, true])
      assert.deepEqual(answer, { predictions: [[0, 0]] })
      assert.equal(page, 200)
    })
  })
}
