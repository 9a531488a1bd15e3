/** Threads that train at the same time, and many models one after another, in processes that end by themselves. */

import assert from 'node:assert/strict'
import { programPath, runChild, runNode } from './support/children.js'
import { classifier, clouds } from './support/problems.js'

describe('a process with workers', () => {
  it('trains in one and predicts in its main thread, whatever becomes of another, and ends by itself', async () => {
    const { code, signal, stdout, stderr } = await runChild('concurrent', ['workers'])
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
    const { losses, predictions, isRight } = JSON.parse(stdout)
    const { x, y } = clouds(300)
    using model = classifier()
    const { history } = await model.fit(x, y, { epochs: 5, verbose: 0 })
    assert.deepEqual(losses, [...history.loss])
    assert.ok(predictions >= 20)
    assert.ok(isRight, 'a prediction changed')
  })
})

describe('1,000 models', function () {
  this.slow(30_000)

  it('that are made, trained and disposed of leave no more than 10 MB behind', async () => {
    // Without this option V8 lets its space of young objects grow by tens of MB.
    const args = ['--max-semi-space-size=1', programPath('concurrent'), 'cycles']
    const { code, signal, stdout, stderr } = await runNode(args)
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
    const { before, after, grown } = JSON.parse(stdout)
    assert.ok(grown < 10, `from ${before.toFixed(1)} MB to ${after.toFixed(1)} MB`)
  })
})
