/** The data that y accepts, and the targets that become of them: class indices or rows of numbers. */

import assert from 'node:assert/strict'
import { type ArrayInput, array, type NumericArray } from 'neurode'
import { toInput } from '#lib/arrays/arrays.js'
import { toPlainTargets, toTargets } from '#lib/arrays/targets.js'
import { Random } from '../support/random.js'
import { throws } from './files.js'

const classes = { outputs: 10, classes: true }
const rows = (outputs: number) => ({ outputs, classes: false })

describe('toTargets', () => {
  it('takes one-dimensional integers as class indices', () => {
    const labels = Int32Array.of(0, 9, 3)
    const expected = { kind: 'classes', data: labels, rows: 3, lent: false }
    const values: ArrayInput[] = [[0, 9, 3], [[0], [9], [3]], Uint8Array.of(0, 9, 3), Float64Array.of(0, 9, 3), labels]
    for (const value of values) {
      assert.deepEqual(toTargets(value, classes, 'y'), { ...expected, lent: value === labels })
    }
    assert.equal(toTargets(labels, classes, 'y').data, labels)
  })

  it('takes one-hot rows where the loss takes both', () => {
    const targets = toTargets(
      [
        [1, 0],
        [0, 1],
      ],
      { outputs: 2, classes: true },
      'y',
    )
    assert.deepEqual(targets, { kind: 'rows', data: Float32Array.of(1, 0, 0, 1), rows: 2, lent: false })
  })

  it('takes nothing but class indices where the loss takes no rows', () => {
    const sparse = { outputs: 2, classes: true, rows: false }
    throws(
      () =>
        toTargets(
          [
            [1, 0],
            [0, 1],
          ],
          sparse,
          'y',
        ),
      'ERR_SHAPE',
      /y: expected class indices.*categoricalCrossentropy/,
    )
    throws(() => toTargets([[1, 0, 0]], sparse, 'y'), 'ERR_SHAPE', /got shape \[1, 3\]/)
    assert.equal(toTargets([0, 0], { ...sparse, outputs: 1 }, 'y').kind, 'classes')
  })

  it('takes numbers as rows where the loss takes no classes', () => {
    assert.deepEqual(toTargets([0, 1, 1], rows(1), 'y'), {
      kind: 'rows',
      data: Float32Array.of(0, 1, 1),
      rows: 3,
      lent: false,
    })
    assert.equal(toTargets([[0], [1]], rows(1), 'y').rows, 2)
    assert.equal(toTargets(new Float32Array(6), rows(3), 'y').rows, 2)
    throws(() => toTargets(array([1, 2, 3]), rows(3), 'y'), 'ERR_SHAPE', /y: expected shape \[n, 3\], got shape \[3\]/)
  })

  it('applies scale and offset', () => {
    const scaled = array(Uint8Array.of(0, 2, 4), [3], { scale: 0.5, offset: 1 })
    assert.deepEqual(toTargets(scaled, classes, 'y').data, Int32Array.of(1, 2, 3))
    assert.deepEqual(toPlainTargets(toTargets(scaled, rows(1), 'y')).data, Float32Array.of(1, 2, 3))
  })

  it('takes true and false as 1 and 0', () => {
    const labels = [true, false, true]
    assert.deepEqual(toTargets(labels, rows(1), 'y').data, Float32Array.of(1, 0, 1))
    assert.deepEqual(toTargets(labels, classes, 'y').data, Int32Array.of(1, 0, 1))
    assert.deepEqual(
      toInput(
        [
          [true, 2],
          [3, false],
        ],
        [2],
        'x',
      ).data,
      Float32Array.of(1, 2, 3, 0),
    )
    assert.deepEqual(array([[true], [false]]), array([[1], [0]]))
  })

  it('names the first label that is no class', () => {
    for (const bad of [10, -1, 0.5, Number.NaN, Infinity, 2 ** 32, -(2 ** 31), 1e300]) {
      const value: NumericArray = Float64Array.of(1, 2, bad, -7)
      throws(
        () => toTargets(value, classes, 'y'),
        'ERR_LABEL_RANGE',
        /^y: expected class indices 0 to 9, got .* in row 2$/,
      )
    }
  })

  it('takes every class and no other, for random numbers of classes', () => {
    const random = new Random(2)
    for (let i = 0; i < 200; i++) {
      const outputs = 2 + random.below(300)
      const labels = random.classes(1 + random.below(50), outputs)
      assert.deepEqual(toTargets(Array.from(labels), { outputs, classes: true }, 'y').data, labels)
      const row = random.below(labels.length)
      labels[row] = random.pick([outputs, outputs + random.below(1e6), -1 - random.below(1e6)])
      throws(() => toTargets(labels, { outputs, classes: true }, 'y'), 'ERR_LABEL_RANGE', new RegExp(`in row ${row}$`))
    }
  })
})
