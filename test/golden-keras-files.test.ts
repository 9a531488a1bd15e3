/** Files of all versions of Keras: models predict and train on as Keras does, and what is broken is refused. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { array, load } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { flatten, type GoldenValue } from './support/golden.js'
import {
  type AnyLoaded,
  assertPredicts,
  badFiles,
  type FileCase,
  goodFiles,
  nextLosses,
  predictionsOf,
  refusedOr,
  refuseOrSurvive,
  stepsByOccurrence,
} from './support/kerasFiles.js'
import { assertClose } from './support/tolerances.js'
import { warningsOf } from './support/warnings.js'

const models = goodFiles(['keras', 'keras folder', 'keras legacy h5'])
const weightFiles = goodFiles(['keras weights', 'keras weights index', 'keras legacy h5 weights'])

/** The rows of a case, and under which key the outputs for them are. */
function rowsOfCase({ inputs, outputs }: FileCase): readonly [FileCase['inputs']['x'], string] | undefined {
  if (inputs.x !== undefined) return outputs.y === undefined ? undefined : [inputs.x, 'y']
  return [inputs.batches?.[0]?.x, outputs.predict === undefined ? 'y' : 'predict']
}

const open = (path: string, device = 'cpu') => load<AnyLoaded>(path, { device: device as never, threads: 1 })

/** Operations of `keras.ops` as layers, which no model of Neurode has. */
const refused = ['keras/operators.keras']

perDevice('golden interchange keras models', (device) => {
  for (const golden of models.filter(({ name }) => !refused.includes(name))) {
    it(golden.name, async () => {
      await warningsOf(async () => {
        using model = await open(join(golden.folder, golden.name), device)
        const rows = rowsOfCase(golden)
        if (rows?.[0] !== undefined) await assertPredicts(model, golden, rows[0], rows[1])
        const { loss_of_next_steps: losses, weights_after: after } = golden.outputs
        if (losses === undefined || golden.inputs.batches === undefined || stepsByOccurrence.includes(golden.name))
          return
        const tolerance = { rtol: golden.rtol, atol: golden.atol_of?.loss_of_next_steps ?? golden.atol }
        assertClose(await nextLosses(model, golden), losses, tolerance, `${golden.name}: losses`)
        const weights = new Map(model.getWeights().map(({ name, data }) => [name, data]))
        for (const { name, value } of (after ?? []) as { name: string; value: GoldenValue }[]) {
          assertClose(
            weights.get(name) ?? [],
            flatten(value),
            { rtol: golden.rtol, atol: golden.atol },
            `${golden.name}: ${name}`,
          )
        }
      })
    })
  }
})

describe('golden interchange keras models', function () {
  this.slow(5000)

  for (const { name, folder } of models.filter(({ name }) => refused.includes(name))) {
    it(`${name} is refused by name`, async () => {
      await assert.rejects(load(join(folder, name)), { code: 'ERR_FILE_FORMAT', message: /'Add' of "keras\.src\.ops/ })
    })
  }

  const resumed = goodFiles(['keras']).find(({ name }) => name === 'resume.keras')
  if (resumed !== undefined) {
    it('resume.keras goes on with Adam as Keras does', async () => {
      const { inputs, outputs, rtol, atol } = resumed as unknown as {
        readonly inputs: { readonly x: GoldenValue; readonly y_true: GoldenValue }
        readonly outputs: {
          readonly loss_of_next_steps: number[]
          readonly weights_after: { path: string; value: GoldenValue }[]
        }
        readonly rtol: number
        readonly atol: number
      }
      const rows = (value: GoldenValue) =>
        array(Float32Array.from(flatten(value)), [
          (value as GoldenValue[]).length,
          ((value as GoldenValue[])[0] as GoldenValue[]).length,
        ])
      using model = await open(join(resumed.folder, resumed.name))
      const losses: number[] = []
      for (const _ of outputs.loss_of_next_steps) {
        const { loss } = (await model.trainOnBatch(rows(inputs.x) as never, rows(inputs.y_true) as never)) as {
          loss: number
        }
        losses.push(loss)
      }
      assertClose(losses, outputs.loss_of_next_steps, { rtol, atol }, 'losses')
      const weights = new Map(model.getWeights().map(({ name, data }) => [name, data]))
      for (const { path, value } of outputs.weights_after) {
        assertClose(weights.get(path.split('/').slice(-2).join('/')) ?? [], flatten(value), { rtol, atol }, path)
      }
    })
  }

  it('are written as they were read: the same outputs, and the same steps of an optimizer', async () => {
    await warningsOf(() =>
      inFolder(async (folder) => {
        for (const golden of models.filter(({ name }) => !refused.includes(name))) {
          const rows = rowsOfCase(golden)?.[0]
          using model = await open(join(golden.folder, golden.name))
          for (const ending of ['keras', 'h5']) {
            const path = join(folder, `m.${ending}`)
            const { leftOut } = await model.save(path)
            assert.ok(
              leftOut.every((text) => !text.includes('optimizer') || ending === 'h5'),
              leftOut.join(),
            )
            using written = await open(path)
            if (rows !== undefined) {
              assert.deepEqual(
                await predictionsOf(written, rows),
                await predictionsOf(model, rows),
                `${golden.name}: ${ending}`,
              )
            }
            if (
              ending === 'h5' ||
              golden.outputs.loss_of_next_steps === undefined ||
              golden.inputs.batches === undefined
            )
              continue
            using again = await open(join(golden.folder, golden.name))
            assert.deepEqual(await nextLosses(written, golden), await nextLosses(again, golden), golden.name)
          }
        }
      }),
    )
  })
})

perDevice('golden interchange keras weights', (device) => {
  for (const golden of weightFiles) {
    it(golden.name, async () => {
      const { architecture = '' } = golden.config
      const named = architecture.includes('.')
        ? architecture
        : golden.config.format === 'keras weights'
          ? 'model.keras'
          : 'old/2_15_0_functional.h5'
      await warningsOf(async () => {
        using model = await open(join(golden.folder, named), device)
        model.setWeights(
          model.getWeights().map(({ data, shape }) =>
            array(
              data.map(() => 0.5),
              shape,
            ),
          ) as never,
        )
        await model.loadWeights(join(golden.folder, golden.name))
        if (golden.inputs.x !== undefined) await assertPredicts(model, golden, golden.inputs.x, 'y')
        const weights = new Map(model.getWeights().map(({ name, data }) => [name, data]))
        for (const { name, value } of (golden.outputs.weights ?? []) as { name: string; value: GoldenValue }[]) {
          const found = weights.get(name)
          if (found !== undefined) assertClose(found, flatten(value), { rtol: 1e-6, atol: 1e-7 }, name)
        }
        assert.ok(golden.inputs.x !== undefined || golden.outputs.weights.length === weights.size)
      })
    })
  }
})

describe('golden interchange keras files that are broken', () => {
  const isModel = (format: string, name: string) =>
    (format.startsWith('keras') && format !== 'keras weights') || (format === 'hdf5' && !name.includes('.weights.'))
  refuseOrSurvive(badFiles(isModel), open)

  const isWeights = (format: string, name: string) =>
    format === 'keras weights' || (format === 'hdf5' && name.includes('.weights.'))
  for (const golden of badFiles(isWeights)) {
    it(`${golden.must === 'reject' ? 'refuse' : 'survive'} ${golden.name}: ${golden.wrong}`, async () => {
      using model = await open(join(golden.folder, golden.architecture ?? '../model.keras'))
      const before = model.getWeights().map(({ data }) => data)
      const isLoaded = await refusedOr(
        () => model.loadWeights(join(golden.folder, golden.file)).then(() => true),
        ['ERR_FILE_FORMAT', 'ERR_SHAPE'],
      )
      assert.ok(golden.must === 'safe' || isLoaded === undefined, 'it was loaded')
      if (isLoaded === undefined)
        assert.deepEqual(
          model.getWeights().map(({ data }) => data),
          before,
        )
      else if (golden.result !== undefined) {
        const [actual = []] = await predictionsOf(model, golden.input as never)
        assertClose(actual, flatten(golden.result), { rtol: 2e-5, atol: 2e-6 }, golden.name)
      }
    })
  }

  it('open no file beside them', () => {
    // Some of the files above name these as the place of their data.
    assert.ok(readdirSync('.').every((name) => !name.endsWith('.h5')))
  })
})
