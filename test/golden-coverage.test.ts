/** Counts the golden cases that no suite runs, with the reasons in golden-coverage.ts. */

import assert from 'node:assert/strict'
import { gapOf } from './golden-coverage.js'
import { readGolden } from './support/golden.js'

const files = [
  'activations.json',
  'initializers.json',
  'layers.json',
  'losses.json',
  'metrics.json',
  'optimizers.json',
  'pooling.json',
  'schedules.json',
  'tables/curves.json',
  'tables/preprocessing.json',
  'training.json',
  'tutorials.json',
]

describe('golden coverage', () => {
  for (const file of files) {
    const { cases } = readGolden(file)
    const reasons = new Map<string, number>()
    for (const golden of cases) {
      const reason = gapOf(file, golden)
      if (reason) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    }
    const left = [...reasons.values()].reduce((sum, count) => sum + count, 0)
    const list = [...reasons].map(([reason, count]) => `\n        ${count}: ${reason}`).join('')
    it(`runs ${cases.length - left} of the ${cases.length} cases of ${file}${list}`, () => {
      assert.ok(cases.length > left)
    })
  }

  it('gives no reason for a case of a covered class without options', () => {
    const plain = { inputs: { y_pred: [[1]], batches: [], x: [[1]] }, outputs: {}, rtol: 0, atol: 0 }
    const of = (name: string) => ({ name, config: { class_name: name, config: {} }, ...plain })
    assert.equal(gapOf('losses.json', of('MeanSquaredError')), undefined)
    assert.equal(gapOf('layers.json', of('Dense')), undefined)
    assert.equal(gapOf('metrics.json', of('BinaryAccuracy')), undefined)
    assert.match(gapOf('losses.json', of('Dice')) ?? '', /not among the losses/)
  })
})
