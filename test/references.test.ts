/** The float64 references: there is one for every row of the op table, and its derivatives are those of its function. */

import assert from 'node:assert/strict'
import { native } from '#lib/native/native.js'
import { drawRow, label, smoothPoints } from './support/opCases.js'
import { Random } from './support/random.js'
import {
  activations,
  losses,
  metrics,
  optimizers,
  type PointwiseReference,
  type RowReference,
} from './support/reference.js'
import { assertClose, assertNear, differenceStep, differences } from './support/tolerances.js'

const table = native().ops()

describe('the op table', () => {
  const kinds = { activations, losses, metrics, optimizers }
  for (const [kind, references] of Object.entries(kinds)) {
    it(`has a reference for every row of ${kind}, and a row for every reference`, () => {
      const names = table[kind as keyof typeof table].map(({ name }) => name)
      assert.deepEqual([...names].sort(), Object.keys(references).sort())
    })
    it(`has as many numbers in every row of ${kind} as the reference is tested with`, () => {
      for (const { name, params } of table[kind as keyof typeof table]) {
        for (const numbers of references[name]?.cases ?? []) assert.equal(numbers.length, params.length, name)
      }
    })
  }
})

describe('the float64 reference', () => {
  for (const [name, reference] of Object.entries(activations)) {
    for (const params of reference.cases) {
      it(`has the slope of ${label(name, params)} by central differences`, () => {
        if (reference.kind === 'pointwise') checkSlopes(reference, params)
        else checkRowGradient(reference, params)
      })
    }
  }
  for (const [name, reference] of Object.entries(losses)) {
    for (const params of reference.cases) {
      it(`has the gradient of ${label(name, params)} by central differences`, () => {
        const random = new Random(3)
        for (let round = 0; round < 20; round++) {
          const { y, t } = drawRow(reference, params, 5, random)
          const numeric = y.map((_, i) => {
            const moved = (step: number) => reference.value(y.with(i, (y[i] as number) + step), t, params)
            return (moved(differenceStep) - moved(-differenceStep)) / (2 * differenceStep)
          })
          assertClose(reference.gradient(y, t, params), numeric, differences, 'gradient')
        }
      })
    }
  }
})

function checkSlopes(reference: PointwiseReference, params: readonly number[]): void {
  for (const x of smoothPoints(reference, params, 200)) {
    const rise = reference.value(x + differenceStep, params) - reference.value(x - differenceStep, params)
    assertNear(reference.slope(x, params), rise / (2 * differenceStep), differences, `slope at ${x}`)
  }
}

function checkRowGradient(reference: RowReference, params: readonly number[]): void {
  const random = new Random(5)
  const [low, high] = reference.domain
  const x = Array.from({ length: 6 }, () => random.uniform(low, high))
  const cotangent = x.map(() => random.normal())
  const dot = (y: readonly number[]) => y.reduce((sum, v, i) => sum + v * (cotangent[i] as number), 0)
  const numeric = x.map((v, i) => {
    const moved = (step: number) => dot(reference.value(x.with(i, v + step), params))
    return (moved(differenceStep) - moved(-differenceStep)) / (2 * differenceStep)
  })
  assertClose(reference.gradient(x, cotangent, params), numeric, differences, 'gradient')
}
