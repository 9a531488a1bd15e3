/** Cliffs of quick work: calls and callbacks of small networks, whose steps are shorter than the way to another thread. */

import { array, layers, losses, type NdArray, sequential } from 'neurode'
import { type Cliff, calls, type Sides, steps, type Turn } from './cliff.js'
import { compiled, net, numbers, onnxRuntime } from './models.js'

const stepsOfTurn = 1000
const batch = 32

function makeModel(sizes: readonly number[], threads: number, loss: unknown = 'categoricalCrossentropy') {
  const body = sequential({ layers: net(sizes), seed: 1 })
  return body.compile({ loss: loss as 'categoricalCrossentropy', optimizer: 'adam', threads, device: 'cpu' })
}

type Model = ReturnType<typeof makeModel>

interface Data {
  readonly x: NdArray
  readonly y: NdArray
}

function dataOf(rows: number, [inputs = 1, ...units]: readonly number[]): Data {
  const outputs = units.at(-1) as number
  const oneHot = Float32Array.from({ length: rows * outputs }, (_, i) => Number(i % (outputs + 1) === 0))
  return { x: array(numbers(rows * inputs), [rows, inputs]), y: array(oneHot, [rows, outputs]) }
}

/** Steps of `fit` on rows in memory, with nobody to tell. */
function fitSteps(model: Model, sizes: readonly number[]): Turn {
  const { x, y } = dataOf(batch * stepsOfTurn, sizes)
  return steps(stepsOfTurn, () => model.fit(x, y, { batchSize: batch, verbose: 0 }))
}

function againstFit(
  name: string,
  timed: string,
  goal: number,
  sizes: readonly number[],
  open: (model: Model) => Turn,
  loss?: unknown,
): Cliff {
  return {
    name: `${name} ${batch} x ${sizes.join('-')}`,
    timed,
    reference: "fit's step",
    goal,
    open: (threads): Sides => ({
      timed: open(makeModel(sizes, threads, loss)),
      reference: fitSteps(makeModel(sizes, threads), sizes),
    }),
  }
}

const small = [20, 32, 32, 2]
const control = [4, 64, 64, 2]

function onBatch(sizes: readonly number[]): Cliff {
  const { x, y } = dataOf(batch, sizes)
  return againstFit('trainOnBatch', 'model.trainOnBatch', 3, sizes, (model) => calls(() => model.trainOnBatch(x, y)))
}

const squares = losses.custom({
  name: 'squares',
  compute({ outputs, targets }) {
    const gradient = outputs.map((output, i) => (2 * (output - (targets[i] as number))) / outputs.length)
    const loss = outputs.reduce((sum, output, i) => sum + (output - (targets[i] as number)) ** 2, 0)
    return { loss: loss / outputs.length, gradient }
  },
})

function callbackOfBatches(): Cliff {
  return againstFit('onBatchEnd', 'fit with a callback for batches', 3, small, (model) => {
    const { x, y } = dataOf(batch * stepsOfTurn, small)
    const callbacks = { onBatchEnd() {} }
    return steps(stepsOfTurn, () => model.fit(x, y, { batchSize: batch, verbose: 0, callbacks }))
  })
}

function iterable(): Cliff {
  return againstFit('iterable', 'fit on batches', 3, small, (model) => {
    const one = dataOf(batch, small)
    const batches = () => Array.from({ length: stepsOfTurn }, () => one)
    return steps(stepsOfTurn, () => model.fit(batches, { verbose: 0 }))
  })
}

function ownLoss(): Cliff {
  const open = (model: Model) => {
    const { x, y } = dataOf(batch * stepsOfTurn, small)
    return steps(stepsOfTurn, () => model.fit(x, y, { batchSize: batch, verbose: 0 }))
  }
  return againstFit('custom loss', 'fit with losses.custom', 6, small, open, squares)
}

/** Epochs of one step. */
function epochs(): Cliff {
  const body = () => [
    layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }),
    layers.dense({ units: 1, activation: 'sigmoid' }),
  ]
  const rows = (count: number) => [array(numbers(8 * count), [4 * count, 2]), new Float32Array(4 * count)] as const
  return {
    name: 'epochs 4 x 2-8-1',
    timed: 'an epoch of one step',
    reference: "fit's step",
    goal: 2,
    open(threads) {
      const [few, many] = [
        compiled(body(), threads, 'binaryCrossentropy'),
        compiled(body(), threads, 'binaryCrossentropy'),
      ]
      return {
        timed: steps(stepsOfTurn, () => few.fit(...rows(1), { batchSize: 4, epochs: stepsOfTurn, verbose: 0 })),
        reference: steps(stepsOfTurn, () => many.fit(...rows(stepsOfTurn), { batchSize: 4, verbose: 0 })),
      }
    },
  }
}

function oneRow(timed: 'model.predict' | 'predictor.predict', sizes: readonly number[]): Cliff {
  return {
    name: `${timed} 1 x ${sizes.join('-')}`,
    timed,
    reference: 'onnxruntime-node',
    goal: 0.75,
    async open(threads) {
      const model = compiled(net(sizes, 'sigmoid'), threads, 'meanSquaredError')
      const data = numbers(sizes[0] as number)
      const x = array(data, [1, data.length])
      const run = await onnxRuntime(model, data, x.shape, threads)
      if (run === undefined) return undefined
      const predictor = model.predictor({ threads })
      const call = timed === 'model.predict' ? () => model.predict(x) : () => predictor.predict(data)
      return { timed: calls(call), reference: calls(run) }
    },
  }
}

export const quickWork: readonly Cliff[] = [
  oneRow('model.predict', [20, 64, 64, 1]),
  oneRow('model.predict', [4, 16, 3]),
  oneRow('predictor.predict', [20, 64, 64, 1]),
  onBatch(control),
  onBatch(small),
  callbackOfBatches(),
  iterable(),
  ownLoss(),
  epochs(),
]
