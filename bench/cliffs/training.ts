/** Cliffs of training: large tables of vectors, rows of many positions, and few rows of wide layers. */

import {
  array,
  type Layer,
  layers,
  type NdArray,
  type OptimizerName,
  optimizers,
  type Sequential,
  sequential,
} from 'neurode'
import { type Cliff, calls, recorded, type Turn } from './cliff.js'
import { compiled, net, numbers } from './models.js'

/** A turn of epochs: the seconds of a step. */
function steps(model: Sequential, x: NdArray, y: NdArray, batchSize: number): Turn {
  const epoch = () => model.fit(x, y, { batchSize, epochs: 1, shuffle: false, verbose: 0 })
  return async () => {
    await epoch()
    const start = performance.now()
    await epoch()
    return ((performance.now() - start) / 1000) * (batchSize / (x.shape[0] as number))
  }
}

interface Recorded {
  readonly what: string
  readonly seconds: number
  readonly goal: number
}

/** Times are beside a peak of 223 GFLOP/s. */
function cliff(name: string, { what, seconds, goal }: Recorded, turn: (threads: number) => [Turn, () => void]): Cliff {
  return {
    name,
    timed: 'a step of fit',
    reference: what,
    goal,
    open(threads) {
      const [timed, close] = turn(threads)
      return { timed, reference: recorded(seconds, 223, threads), close }
    },
  }
}

function table(optimizer: OptimizerName, reference: Recorded): Cliff {
  const [vectors, size, batch, count] = [1_000_000, 32, 1024, 16]
  return cliff(`table of ${vectors} x ${size}, ${optimizer}, ${batch} rows`, reference, (threads) => {
    const body = [
      layers.embedding({ inputDim: vectors, outputDim: size, inputShape: [1] }),
      layers.flatten(),
      layers.dense({ units: 16, activation: 'relu' }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ]
    const model = sequential({ layers: body, seed: 1 })
    model.compile({ optimizer, loss: 'binaryCrossentropy', threads, device: 'cpu' })
    const rows = batch * count
    const indices = Float32Array.from({ length: rows }, (_, i) => (i * 2_654_435_761) % vectors)
    const x = array(indices, [rows, 1])
    const y = array(
      Float32Array.from(indices, (_, i) => i % 2),
      [rows, 1],
    )
    return [steps(model, x, y, batch), () => model.dispose()]
  })
}

interface Positions {
  readonly features: number
  readonly units: number
  readonly between?: () => Layer
}

/** A network over rows of 1,000 positions. */
function overPositions({ features, units, between }: Positions, threads: number): Sequential {
  const normalized = () => (between === undefined ? [] : [between()])
  const model = sequential({
    layers: [
      layers.dense({ units, activation: 'relu', inputShape: [1000, features] }),
      ...normalized(),
      layers.dense({ units, activation: 'relu' }),
      ...normalized(),
      layers.dense({ units: 1 }),
      layers.flatten(),
      layers.dense({ units: 1 }),
    ],
    seed: 1,
  })
  // With larger steps, sums over so many positions grow without bounds.
  const optimizer = optimizers.sgd({ learningRate: 1e-6 })
  return model.compile({ optimizer, loss: 'meanSquaredError', threads, device: 'cpu' })
}

function fitPositions(batch: number, shape: Positions, reference: Recorded): Cliff {
  const normalized = shape.between === undefined ? '' : ' with layerNormalization'
  return cliff(`1000 positions of ${shape.features}, ${batch} rows${normalized}`, reference, (threads) => {
    const model = overPositions(shape, threads)
    const rows = 4 * batch
    const x = array(numbers(rows * 1000 * shape.features), [rows, 1000, shape.features])
    return [steps(model, x, array(numbers(rows), [rows, 1]), batch), () => model.dispose()]
  })
}

function fewRows(sizes: readonly number[], batch: number, seconds: number): Cliff {
  const reference = { what: 'PyTorch, recorded', seconds, goal: 1.1 }
  return cliff(`${sizes.join('-')}, ${batch} rows`, reference, (threads) => {
    const model = compiled(net(sizes), threads)
    const rows = 16 * batch
    const x = array(numbers(rows * (sizes[0] as number)), [rows, sizes[0] as number])
    const y = Int32Array.from({ length: rows }, (_, i) => i % 10)
    return [steps(model, x, array(y, [rows]), batch), () => model.dispose()]
  })
}

function predictPositions(rows: number, seconds: number): Cliff {
  return {
    name: `predict ${rows} x 1000 positions of 64`,
    timed: 'model.predict',
    reference: 'PyTorch, recorded',
    goal: 1.5,
    open(threads) {
      const model = overPositions(wide, threads)
      const x = array(numbers(rows * 64_000), [rows, 1000, 64])
      return {
        timed: calls(() => model.predict(x)),
        reference: recorded(seconds, 223, threads),
        close: () => model.dispose(),
      }
    },
  }
}

const wide: Positions = { features: 64, units: 64 }
const narrow: Positions = { features: 8, units: 16 }
const pyTorch = (seconds: number, goal: number): Recorded => ({ what: 'PyTorch, recorded', seconds, goal })

export const training: readonly Cliff[] = [
  table('sgd', { what: 'as before steps knew which vectors a batch names, recorded', seconds: 7.5e-3, goal: 0.1 }),
  table('lazyAdam', { what: 'SparseAdam of PyTorch, recorded', seconds: 1.44e-3, goal: 1 }),
  table('adam', { what: 'as before steps knew which vectors a batch names, recorded', seconds: 18.5e-3, goal: 1 }),
  fitPositions(1, wide, pyTorch(0.75e-3, 1.5)),
  fitPositions(32, wide, pyTorch(20e-3, 1)),
  fitPositions(32, { ...wide, between: () => layers.layerNormalization() }, pyTorch(22e-3, 1)),
  fitPositions(32, narrow, pyTorch(3e-3, 1)),
  predictPositions(1, 0.29e-3),
  predictPositions(8, 3.6e-3),
  fewRows([784, 1000, 1000, 10], 1, 870e-6),
  fewRows([128, 128, 10_000], 1, 846e-6),
  fewRows([128, 128, 10_000], 2, 1492e-6),
  fewRows([128, 128, 10_000], 7, 2049e-6),
  fewRows([128, 128, 10_000], 16, 2426e-6),
  fewRows([10_000, 500, 10], 1, 3517e-6),
]
