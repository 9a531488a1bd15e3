/** Texts of any length from users: they are compared and quoted up to a limit, so that none blocks the process or fills the memory. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { callbacks, layers, load, losses, metrics, NeurodeError, optimizers, readCsv, sequential } from 'neurode'
import { batcher, parseInferRequest } from 'neurode/serve'
import { inFolder } from './data/files.js'
import { classifier, clouds } from './support/problems.js'

const long = 'reluu_'.repeat(4_000_000)
const { x, y } = clouds(8)
const quiet = { verbose: 0 } as const
const model = () => classifier()

/** Calls that look a text up among names, or quote it. */
const cases: Readonly<Record<string, (text: string) => unknown>> = {
  'an activation': (text) => layers.dense({ units: 1, activation: text as never }),
  'an initializer': (text) => layers.dense({ units: 1, kernelInitializer: text as never }),
  'a loss': (text) => model().compile({ loss: text as never }),
  'an optimizer': (text) => model().compile({ loss: 'mse', optimizer: text as never }),
  'a metric': (text) => model().compile({ loss: 'mse', metrics: [text as never] }),
  'a device': (text) => model().compile({ loss: 'mse', device: text }),
  'a reduction': (text) => losses.huber({ reduction: text as never }),
  'a curve': (text) => metrics.auc({ curve: text as never }),
  'an option': (text) => optimizers.sgd({ [text]: 1 }),
  'an option of fit': (text) => model().fit(x, y, { ...quiet, [text]: 1 } as never),
  'a hook': (text) => model().fit(x, y, { ...quiet, callbacks: { [`on${text.toUpperCase()}`]: () => {} } }),
  'a key that is monitored': (text) =>
    model().fit(x, y, { ...quiet, callbacks: callbacks.earlyStopping({ monitor: text }) }),
  'a layer': (text) => model().getLayer(text),
  'a column': async (text) => (await readCsv(new TextEncoder().encode('a,b\n1,2\n'))).numbers([text]),
  'a column among long ones': async (text) =>
    (await readCsv(new TextEncoder().encode(`${text},b\n1,2\n`))).numbers(['c']),
  'a path': (text) => load(text),
  'a tensor of a request': (text) =>
    parseInferRequest(
      Buffer.from(JSON.stringify({ inputs: [{ name: text, shape: [1, 2], datatype: 'FP32', data: [1, 2] }] })),
      undefined,
      { inputShape: [2], outputShape: [1] },
    ),
  'an option of a batcher': (text) => batcher(model().predictor(), { [text]: 1 }),
}

describe('long texts', () => {
  for (const [name, call] of Object.entries(cases)) {
    it(`are bounded before they are compared or quoted: ${name}`, async () => {
      await assert.rejects(
        async () => call(long),
        (error) => {
          assert.ok(error instanceof NeurodeError, String(error).slice(0, 200))
          assert.ok(error.message.length <= 2001, `${error.message.length} letters`)
          return true
        },
      )
    })
  }

  it('are bounded where a file holds them', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.neurode')
      using saved = sequential([layers.dense({ units: 1, inputShape: [2], name: 'a'.repeat(1_000_000) })])
      await saved.save(path)
      using other = sequential([layers.dense({ units: 3, inputShape: [2] })])
      await assert.rejects(
        other.loadWeights(path),
        (error) => error instanceof NeurodeError && error.message.length <= 2001,
      )
    })
  })
})
