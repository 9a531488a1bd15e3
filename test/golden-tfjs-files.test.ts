/** Layers models of TensorFlow.js predict and train on as they do there, and what is broken is refused. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { load } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenValue } from './support/golden.js'
import {
  type AnyLoaded,
  assertPredicts,
  badFiles,
  goodFiles,
  nextLosses,
  predictionsOf,
  refuseOrSurvive,
} from './support/kerasFiles.js'
import { assertClose } from './support/tolerances.js'

const format = 'tfjs layers model'
const models = goodFiles([format])
const open = (path: string, device = 'cpu') => load<AnyLoaded>(path, { device: device as never, threads: 1 })

/** Files without the names of nested models have layer and variable alone. */
const lastTwo = (name: string) => name.split('/').slice(-2).join('/')

/** What Keras wrote and TensorFlow.js does not have. */
const notInTfjs = ['tfjs/keras2_functional/model.json']

/** Cases that others met first. */
const acceptanceCases: Readonly<Record<string, string>> = {
  'tfjs/keras3_sequential/model.json': ': acceptance case 1 (tfjs#8494, tfjs#8489)',
  'tfjs/keras3_functional/model.json': ': acceptance case 1 (tfjs#8494, tfjs#8489)',
  'tfjs/prefixed_names/model.json': ': acceptance case 13 (tfjs#8321)',
}

perDevice('golden interchange tfjs models', (device) => {
  for (const golden of models) {
    it(golden.name + (acceptanceCases[golden.name] ?? ''), async () => {
      using model = await open(join(golden.folder, golden.name), device)
      const { inputs, outputs, rtol, atol, atol_of: own } = golden
      const rows = inputs.x ?? inputs.batches?.[0]?.x
      await assertPredicts(model, golden, rows as never, inputs.x === undefined ? 'predict' : 'y')
      const weights = new Map(model.getWeights().map(({ name, data }) => [lastTwo(name), data]))
      for (const { name, value } of outputs.weights as { name: string; value: GoldenValue }[]) {
        assertClose(weights.get(lastTwo(name)) ?? [], flatten(value), { rtol: 2e-5, atol: 1e-6 }, name)
      }
      if (outputs.loss_of_next_steps === undefined) return
      const losses = await nextLosses(model, golden)
      assertClose(losses, outputs.loss_of_next_steps, { rtol, atol: own?.loss_of_next_steps ?? atol }, 'losses')
    })
  }
})

describe('golden interchange tfjs files', () => {
  it('are written as they were read: the same outputs, and the same steps of an optimizer', () =>
    inFolder(async (folder) => {
      for (const golden of models) {
        using model = await open(join(golden.folder, golden.name))
        const path = join(folder, 'model.json')
        const { leftOut } = await model.save(path)
        assert.equal(leftOut.length === 0, !notInTfjs.includes(golden.name), leftOut.join())
        using written = await open(folder)
        const rows = golden.inputs.x ?? golden.inputs.batches?.[0]?.x
        assert.deepEqual(
          await predictionsOf(written, rows as never),
          await predictionsOf(model, rows as never),
          golden.name,
        )
        if (golden.outputs.loss_of_next_steps === undefined) continue
        assertClose(
          await nextLosses(written, golden),
          await nextLosses(model, golden),
          { rtol: 1e-6, atol: 0 },
          golden.name,
        )
      }
    }))

  refuseOrSurvive(
    badFiles((each) => each === format),
    open,
  )
})
