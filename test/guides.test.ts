/**
 * The guides for users of PyTorch and TensorFlow.js: their statements about numbers hold, and they answer the most frequent
 * questions.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { array, layers, type Sequential, sequential } from 'neurode'
import { perDevice } from './support/devices.js'

const pages = ['docs/coming-from-pytorch.md', 'docs/coming-from-tensorflow-js.md']
const topics = [
  /losses\.custom/,
  /metrics\.custom/,
  /your-own-loss\.md/,
  /trainOnBatch/,
  /readCsv/,
  /stepsPerEpoch/,
  /hardSigmoid.* 1\/6/,
  /hinge.* 0 and 1/,
  /accuracy. of several sigmoids/,
  /Weights of rows and classes may be negative/,
  /ERR_UNKNOWN_NAME/,
]

describe('the guides for PyTorch and TensorFlow.js', () => {
  for (const page of pages) {
    it(`say what is asked first: ${page}`, () => {
      const text = readFileSync(page, 'utf8')
      assert.deepEqual(
        topics.filter((topic) => !topic.test(text)),
        [],
      )
    })
  }
})

perDevice('what the guides say of numbers', (device) => {
  /** A model that returns its input, compiled with the given options. */
  const mirror = (width: number, options: object): Sequential => {
    const model = sequential([layers.dense({ units: width, inputShape: [width], useBias: false })], { seed: 1 })
    model.setWeights([
      array(
        Float32Array.from({ length: width * width }, (_, i) => Number(i % (width + 1) === 0)),
        [width, width],
      ),
    ])
    return model.compile({ loss: 'mse', device, ...options }) as unknown as Sequential
  }

  it('holds for hardSigmoid: slope 1/6', () => {
    using model = sequential([layers.activation({ activation: 'hardSigmoid', inputShape: [1] })])
    model.compile({ loss: 'mse', device })
    assert.deepEqual([...model.predictSync([[-3], [0], [1.5], [3]]).data], [0, 0.5, 0.75, 1])
  })

  it('holds for hinge: targets of 0 and 1 are those of -1 and 1', async () => {
    using model = mirror(1, { loss: 'hinge' })
    const x = [[-0.5], [0.25], [2]]
    const zeros = await model.evaluate(x, [0, 1, 0])
    assert.deepEqual(zeros, await model.evaluate(x, [-1, 1, -1]))
    assert.ok(Math.abs(zeros.loss - (0.5 + 0.75 + 3) / 3) < 1e-6)
  })

  it('holds for accuracy of several sigmoids: the largest outputs are compared', async () => {
    using model = mirror(2, { metrics: ['accuracy', 'binaryAccuracy'] })
    const { accuracy, binaryAccuracy } = await model.evaluate(
      [
        [0.9, 0.8],
        [0.1, 0.2],
      ],
      [
        [1, 0],
        [0, 0],
      ],
    )
    assert.deepEqual([accuracy, binaryAccuracy], [0.5, 0.75])
  })

  it('holds for negative weights: they turn the gradient around', async () => {
    const moved = async (weight: number) => {
      using model = mirror(1, { optimizer: 'sgd' })
      await model.trainOnBatch([[1]], [[3]], { sampleWeight: [weight] })
      return (model.getWeights()[0]?.data[0] ?? Number.NaN) - 1
    }
    assert.ok((await moved(1)) > 0)
    assert.ok(Math.abs((await moved(-1)) + (await moved(1))) < 1e-6)
  })
})
