/** Follows docs/add-an-op.md literally in a copy of the tree: each new row needs three files and computes the right numbers. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { applyStep, copyTree, readSteps, removeTree, runProgram } from './support/followed.js'
import type { ActivationReference, LossReference, OptimizerReference } from './support/reference.js'
import { assertNear } from './support/tolerances.js'

const names = { activation: 'gaussian', loss: 'cauchy', optimizer: 'signum' } as const

interface References {
  readonly activations: Readonly<Record<string, ActivationReference>>
  readonly losses: Readonly<Record<string, LossReference>>
  readonly optimizers: Readonly<Record<string, OptimizerReference>>
}

const tolerance = { atol: 2e-6, rtol: 2e-6 }
const slopeTolerance = { atol: 2e-5, rtol: 2e-5 }

describe('docs/add-an-op.md', () => {
  const steps = readSteps('docs/add-an-op.md')
  let folder: string
  let reference: References

  before(async function () {
    if (process.platform !== 'linux') this.skip()
    folder = copyTree('add-an-op', [
      'native',
      'lib',
      'test/support',
      'test/native',
      'tsconfig.base.json',
      'package.json',
    ])
    for (const step of steps) applyStep(folder, step)
    mkdirSync(join(folder, 'out'))
    const config = {
      extends: './tsconfig.base.json',
      compilerOptions: { rootDir: '.', outDir: 'out' },
      files: ['lib/index.ts', 'test/support/reference.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    runProgram(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', folder])
    const source = join(folder, 'test/native/row_values.cc')
    runProgram('c++', ['-std=c++20', '-O0', '-w', '-I', folder, source, '-o', join(folder, 'row_values')])
    reference = await import(pathToFileURL(join(folder, 'out/test/support/reference.js')).href)
  })

  after(() => removeTree(folder))

  /** The numbers that the new row computes, line by line. */
  function valuesOf(kind: keyof typeof names, numbers: readonly number[]): number[][] {
    const text = runProgram(join(folder, 'row_values'), [kind, names[kind], ...numbers.map(String)])
    return text
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number))
  }

  it('touches three files for each', () => {
    const files = (first: number, last: number) => new Set(steps.slice(first, last).map(({ file }) => file)).size
    assert.equal(steps.length, 15)
    for (const first of [0, 5, 10]) assert.equal(files(first, first + 5), 3)
  })

  it('makes an activation that is its reference, with its derivative', () => {
    const { value, slope } = reference.activations[names.activation] as ActivationReference & { kind: 'pointwise' }
    for (const [x = 0, y = 0, derivative = 0] of valuesOf('activation', [])) {
      assertNear(y, value(x, []), tolerance, `value at ${x}`)
      assertNear(derivative, slope(x, []), tolerance, `derivative at ${x}`)
      const difference = (value(x + 1e-6, []) - value(x - 1e-6, [])) / 2e-6
      assertNear(derivative, difference, slopeTolerance, `difference at ${x}`)
    }
  })

  it('makes a loss that is its reference, with its gradient', () => {
    const { value, gradient, cases } = reference.losses[names.loss] as LossReference
    const t = [0.5, -1.25, 2]
    for (const p of cases) {
      for (const [first = 0, loss = 0, ...slopes] of valuesOf('loss', p)) {
        const y = [first, 0.25, 1.5]
        assertNear(loss, value(y, t, p), tolerance, `value at ${first}`)
        gradient(y, t, p).forEach((slope, i) => {
          assertNear(slopes[i] as number, slope, tolerance, `slope ${i} at ${first}`)
          const moved = (step: number) => value(y.with(i, (y[i] as number) + step), t, p)
          const difference = (moved(1e-6) - moved(-1e-6)) / 2e-6
          assertNear(slopes[i] as number, difference, slopeTolerance, `difference ${i} at ${first}`)
        })
      }
    }
  })

  it('makes an optimizer that is its reference, step by step', () => {
    const { update, slots, cases } = reference.optimizers[names.optimizer] as OptimizerReference
    for (const p of cases) {
      const state = Array.from({ length: slots }, () => 0)
      let w = 0.75
      valuesOf('optimizer', p).forEach(([g = 0, after = 0], step) => {
        w = update(w, g, 0.125, state, p, step + 1)
        assertNear(after, w, tolerance, `weight after step ${step + 1}`)
      })
    }
  })

  it('gives names and options to TypeScript', async () => {
    const neurode = await import(pathToFileURL(join(folder, 'out/lib/index.js')).href)
    assert.deepEqual(neurode.activations.gaussian().op, { name: 'gaussian', params: [] })
    assert.deepEqual(neurode.losses.cauchy({ scale: 2 }).op, { name: 'cauchy', params: [2] })
    assert.deepEqual(neurode.optimizers.signum().op, { name: 'signum', params: [0.9] })
    assert.equal(neurode.metrics.cauchy().name, 'cauchy')
    assert.throws(() => neurode.losses.cauchy({ scale: -1 }), { code: 'ERR_ARGUMENT' })
  })
})
