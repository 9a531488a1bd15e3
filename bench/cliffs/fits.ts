/** Cliffs of `fit` on dense networks: many rows, wide rows, and other threads than cores, beside another fit or a recorded one. */

import { array, type Layer, layers, type Sequential } from 'neurode'
import { type Cliff, recorded, type Sides, steps, type Turn } from './cliff.js'
import { compiled, net, numbers } from './models.js'

interface Fit {
  readonly body: readonly Layer[]
  readonly inputs: number
  readonly outputs: number
  readonly batch: number
  /** How many steps an epoch has; a turn is an epoch. */
  readonly steps: number
  readonly threads: number
}

/** A fit of dense layers whose turn computes about so many multiply-adds. */
function dense(sizes: readonly number[], batch: number, threads: number, work = 2e9): Fit {
  const weights = sizes.slice(1).reduce((sum, units, i) => sum + (sizes[i] as number) * units, 0)
  const count = Math.max(1, Math.round(work / (3 * weights * batch)))
  const [inputs = 1] = sizes
  return { body: net(sizes), inputs, outputs: sizes.at(-1) as number, batch, steps: count, threads }
}

interface Opened {
  readonly model: Sequential
  /** An epoch. */
  run(epochs?: number): Promise<Float64Array>
}

function open({ body, inputs, outputs, batch, steps, threads }: Fit): Opened {
  const model = compiled(body, threads)
  const rows = batch * steps
  const x = array(numbers(rows * inputs), [rows, inputs])
  const y = Float32Array.from({ length: rows }, (_, i) => (i * 7919) % outputs)
  return {
    model,
    run: async (epochs = 1) =>
      (await model.fit(x, y, { batchSize: batch, epochs, shuffle: false, verbose: 0 })).epochSeconds,
  }
}

/** The seconds of a step, or of a row, after an epoch to warm up. */
function turnOf({ run }: Opened, count: number): Turn {
  const timed = steps(count, () => run())
  return async () => {
    await run()
    return timed()
  }
}

function beside(
  name: string,
  reference: string,
  goal: number,
  both: (threads: number) => readonly [Fit, Fit],
  per: 'step' | 'row' = 'step',
): Cliff {
  return {
    name,
    timed: `a ${per} of fit`,
    reference,
    goal,
    open(threads): Sides {
      const [timed, other] = both(threads).map((fit) => {
        const opened = open(fit)
        return { opened, turn: turnOf(opened, fit.steps * (per === 'row' ? fit.batch : 1)) }
      }) as [{ opened: Opened; turn: Turn }, { opened: Opened; turn: Turn }]
      const close = () => {
        for (const { opened } of [timed, other]) opened.model.dispose()
      }
      return { timed: timed.turn, reference: other.turn, close }
    },
  }
}

/** Times of PyTorch are beside a peak of 223 GFLOP/s. */
function besidePyTorch(sizes: readonly number[], batch: number, seconds: number): Cliff {
  return {
    name: `fit ${batch} x ${sizes.join('-')}`,
    timed: 'a step of fit',
    reference: 'PyTorch, recorded',
    goal: 1,
    open(threads) {
      const fit = dense(sizes, batch, threads)
      const opened = open(fit)
      return {
        timed: turnOf(opened, fit.steps),
        reference: recorded(seconds, 223, threads),
        close: () => opened.model.dispose(),
      }
    },
  }
}

const tutorial = [784, 100, 50, 10]

function moreThreadsThanCores(times: number): Cliff {
  return beside(`fit with ${times} threads for each, 128 x ${tutorial.join('-')}`, "fit's step", 1.2, (threads) => [
    dense(tutorial, 128, times * threads),
    dense(tutorial, 128, threads),
  ])
}

function firstLayer(name: string, layer: (shape: { readonly inputShape: readonly number[] }) => Layer): Cliff {
  const sizes = [2000, 64, 10]
  return beside(`fit with ${name} first, 32 x ${sizes.join('-')}`, 'the same without it', 1.5, (threads) => {
    const plain = dense(sizes, 32, threads)
    const body = [
      layer({ inputShape: [2000] }),
      layers.dense({ units: 64, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ]
    return [{ ...plain, body }, plain]
  })
}

function inOneBatch(sizes: readonly number[], rows: number, usual: number): Cliff {
  const name = `fit of ${rows} x ${sizes.join('-')} in one batch`
  const both = (threads: number) => [dense(sizes, rows, threads), dense(sizes, usual, threads)] as const
  return beside(name, `batches of ${usual}`, 1.1, both, 'row')
}

function orthogonal(sizes: readonly number[], batch: number): Cliff {
  const name = `orthogonal regularizer, ${batch} x ${sizes.join('-')}`
  return beside(name, 'the same without it', 3, (threads) => {
    const plain = dense(sizes, batch, threads, 1e9)
    const body = sizes.slice(1).map((units, i) =>
      layers.dense({
        units,
        activation: i === sizes.length - 2 ? 'softmax' : 'relu',
        kernelRegularizer: 'orthogonal',
        ...(i === 0 ? { inputShape: [plain.inputs] } : {}),
      }),
    )
    return [{ ...plain, body }, plain]
  })
}

/** A new model chooses how many of its threads take part: all of its first epochs beside its quickest ones. */
function firstEpochs(): Cliff {
  const sizes = [100, 128, 128, 10]
  const epochs = 60
  return {
    name: `first ${epochs} epochs of 8192 x ${sizes.join('-')}, 128 rows`,
    timed: 'an epoch of a new model',
    reference: 'one of its quickest tenth',
    goal: 1.2,
    open(threads) {
      const fit = { ...dense(sizes, 128, threads), steps: 64 }
      let seconds: Float64Array = new Float64Array(0)
      const train = async () => {
        const opened = open(fit)
        seconds = await opened.run(epochs)
        opened.model.dispose()
      }
      return {
        async timed() {
          await train()
          return seconds.reduce((sum, each) => sum + each, 0) / epochs
        },
        async reference() {
          if (seconds.length === 0) await train()
          return seconds.toSorted((a, b) => a - b)[epochs / 10] as number
        },
      }
    },
  }
}

export const fits: readonly Cliff[] = [
  ...[2, 4].map(moreThreadsThanCores),
  firstEpochs(),
  firstLayer('batchNormalization', (shape) => layers.batchNormalization(shape)),
  firstLayer('layerNormalization', (shape) => layers.layerNormalization(shape)),
  firstLayer('prelu', (shape) => layers.prelu(shape)),
  firstLayer('gaussianNoise', (shape) => layers.gaussianNoise({ stddev: 0.1, ...shape })),
  firstLayer('dropout', (shape) => layers.dropout({ rate: 0.2, ...shape })),
  besidePyTorch([784, 4096, 4096, 10], 1000, 675e-3),
  besidePyTorch([784, 512, 512, 10], 8192, 162e-3),
  inOneBatch([20, 64, 64, 2], 32_768, 8192),
  inOneBatch(tutorial, 8192, 1000),
  orthogonal([784, 2048, 2048, 10], 32),
  orthogonal([100, 128, 128, 10], 128),
]
