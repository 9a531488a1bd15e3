/** Assignments to properties that models, layers, optimizers and schedules do not have throw an error: nothing is set silently. */

import assert from 'node:assert/strict'
import {
  activations,
  constraints,
  initializers,
  layers,
  losses,
  metrics,
  optimizers,
  regularizers,
  schedules,
  sequential,
} from 'neurode'
import { classifier, clouds } from './support/problems.js'

const model = classifier()
const named: Readonly<Record<string, object>> = {
  'a model': model,
  'a layer': model.layers[0] as object,
  ...Object.fromEntries(Object.entries(optimizers).map(([name, make]) => [`optimizers.${name}`, make()])),
  'a schedule': schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10 }),
  'an activation': activations.relu(),
  'an initializer': initializers.zeros(),
  'a regularizer': regularizers.l2(0.1),
  'a constraint': constraints.nonNeg(),
  'a loss': losses.huber(),
  'a metric': metrics.auc(),
}

describe('assignments', () => {
  for (const [name, object] of Object.entries(named)) {
    it(`of properties that are not there throw: ${name}`, () => {
      for (const property of ['lr', 'trainables', 'units', 'loss_', 'learning_rate']) {
        if (property in object && property !== 'units') continue
        assert.throws(() => Object.assign(object, { [property]: 1 }), TypeError, property)
      }
    })
  }

  it('of what can be set keep working', async () => {
    const { x, y } = clouds(32)
    const layer = layers.dense({ units: 3, activation: 'softmax', inputShape: [6] })
    const optimizer = optimizers.adam({ learningRate: 0.1 })
    using own = sequential([layer]).compile({ loss: 'sparseCategoricalCrossentropy', optimizer })
    layer.trainable = false
    optimizer.learningRate = 0.01
    own.stopTraining = false
    await own.fit(x, y, { verbose: 0 })
    layer.trainable = true
    own.pop()
    own.add(layers.dense({ units: 3, activation: 'softmax', inputShape: [6] }))
    await own.fit(x, y, { verbose: 0 })
  })

  it('leave schedules that lost their methods no place', () => {
    const copy = JSON.parse(JSON.stringify(schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10 })))
    assert.throws(() => optimizers.sgd({ learningRate: copy }), { code: 'ERR_ARGUMENT' })
  })
})
