/** A model that does everything that a step can do. */

import { constraints, input, layers, model, type Optimizer, optimizers, regularizers, schedules } from 'neurode'
import { numbers } from './graphs.js'

// biome-ignore lint/suspicious/noExplicitAny: options of any optimizer.
type Anything = any

/** Data of the model. */
export const x = numbers(6)
export const y = numbers(3)

/** Everything that a step can do: dropout, statistics, penalties of all kinds, constraints, shared layers. */
export function everything(optimizer: Optimizer, device: string, threads = 1, loss: Anything = 'mse') {
  const from = input({ shape: [6] })
  const shared = layers.dense({ units: 6, activation: 'tanh', name: 'shared' })
  const twice = shared.apply(shared.apply(from))
  const activityRegularizer = regularizers.l1(0.01)
  const wide = layers.dense({ units: 20, kernelRegularizer: 'l2', activityRegularizer, name: 'wide' }).apply(twice)
  const normal = layers.batchNormalization({ momentum: 0.5, gammaRegularizer: 'l1' }).apply(wide)
  const noisy = layers.dropout({ rate: 0.3 }).apply(layers.gaussianNoise({ stddev: 0.1 }).apply(normal))
  const frozen = layers.dense({ units: 5, trainable: false, name: 'frozen' }).apply(layers.prelu().apply(noisy))
  const h = layers.layerNormalization().apply(frozen)
  const out = layers.dense({ units: 3, kernelConstraint: constraints.maxNorm(0.9), name: 'out' }).apply(h)
  return model({ inputs: from, outputs: out, seed: 3 }).compile({ optimizer, loss, device, threads })
}

/** An optimizer with a schedule. */
export const make = (name: string, options: object): Optimizer =>
  (optimizers[name as keyof typeof optimizers] as Anything)({
    learningRate: schedules.exponentialDecay({ initialLearningRate: 0.02, decaySteps: 2, decayRate: 0.5 }),
    ...options,
  })
