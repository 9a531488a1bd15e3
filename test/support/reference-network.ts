/** A small Dense network in float64, with forward pass, backward pass and training, to compare trajectories with. */

import { activations, losses, optimizers } from './reference.js'

export interface ReferenceLayer {
  readonly units: number
  readonly useBias: boolean
  readonly activation: string
}

export interface ReferenceTraining {
  readonly loss: string
  readonly reduction?: 'mean' | 'sum'
  readonly learningRate: number
  readonly momentum?: number
  readonly nesterov?: boolean
  readonly weightDecay?: number
}

interface Rows {
  readonly rows: number
  readonly data: Float64Array
}

interface Trace {
  readonly input: Float64Array
  /** The sums before the activation. */
  readonly sums: Float64Array
  readonly output: Float64Array
}

/** The parameters of op table rows that a layer without options uses. */
const defaults: Readonly<Record<string, readonly number[]>> = { leakyRelu: [0.2], elu: [1], celu: [1] }
/** Losses that use the unclipped logits of these activations. */
const fused: Readonly<Record<string, readonly string[]>> = {
  softmax: ['categoricalCrossentropy', 'sparseCategoricalCrossentropy'],
  sigmoid: ['binaryCrossentropy'],
}

export class ReferenceNetwork {
  /** For each layer the kernel (inputs, units), then the bias (units) if there is one. */
  readonly weights: Float64Array[] = []
  readonly #state: Float64Array[]

  constructor(
    readonly inputs: number,
    readonly layers: readonly ReferenceLayer[],
    weights: readonly ArrayLike<number>[],
  ) {
    this.weights = weights.map((values) => Float64Array.from(values))
    this.#state = this.weights.map((values) => new Float64Array(values.length))
  }

  /** The predictions, row by row. */
  predict(x: ArrayLike<number>): Float64Array {
    const traces = this.#forward(Float64Array.from(x))
    return (traces.at(-1) as Trace).output
  }

  /** The reduced loss of a batch. `targets` has a row for each row of outputs. */
  loss(x: ArrayLike<number>, targets: ArrayLike<number>, training: ReferenceTraining): number {
    const last = this.#forward(Float64Array.from(x)).at(-1) as Trace
    return this.#lossOf(last, Float64Array.from(targets), training).value
  }

  /** The gradients of the loss with respect to every weight array. */
  gradients(x: ArrayLike<number>, targets: ArrayLike<number>, training: ReferenceTraining): Float64Array[] {
    return this.#backward(Float64Array.from(x), Float64Array.from(targets), training).gradients
  }

  /** Trains one step; returns the loss before the update. */
  step(x: ArrayLike<number>, targets: ArrayLike<number>, training: ReferenceTraining): number {
    const { value, gradients } = this.#backward(Float64Array.from(x), Float64Array.from(targets), training)
    const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = training
    const numbers = [momentum, nesterov ? 1 : 0]
    const { update } = optimizers[momentum === 0 ? 'sgd' : 'momentum'] as {
      update: (typeof optimizers)[string]['update']
    }
    this.weights.forEach((weights, k) => {
      const gradient = gradients[k] as Float64Array
      const state = this.#state[k] as Float64Array
      for (let i = 0; i < weights.length; i++) {
        const slot = [state[i] as number]
        const decayed = (weights[i] as number) * (1 - weightDecay * learningRate)
        weights[i] = update(decayed, gradient[i] as number, learningRate, slot, numbers, 1)
        state[i] = slot[0] as number
      }
    })
    return value
  }

  #kernelIndex(layer: number): number {
    return this.layers.slice(0, layer).reduce((index, { useBias }) => index + (useBias ? 2 : 1), 0)
  }

  #forward(x: Float64Array): Trace[] {
    const traces: Trace[] = []
    let input = x
    let width = this.inputs
    this.layers.forEach(({ units, useBias, activation }, index) => {
      const rows = input.length / width
      const kernel = this.weights[this.#kernelIndex(index)] as Float64Array
      const sums = product({ rows, data: input }, kernel, width, units)
      if (useBias) {
        const bias = this.weights[this.#kernelIndex(index) + 1] as Float64Array
        for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (bias[i % units] as number)
      }
      const output = activate(sums, units, activation)
      traces.push({ input, sums, output })
      input = output
      width = units
    })
    return traces
  }

  #lossOf(last: Trace, targets: Float64Array, training: ReferenceTraining) {
    const { units, activation } = this.layers.at(-1) as ReferenceLayer
    const { value, gradient } = losses[training.loss] as (typeof losses)[string]
    const fromLogits = fused[activation]?.includes(training.loss) ?? false
    const source = fromLogits ? last.sums : last.output
    const rows = source.length / units
    const scale = training.reduction === 'sum' ? 1 : 1 / rows
    const numbers = [fromLogits ? 1 : 0, 0]
    let sum = 0
    const slopes = new Float64Array(source.length)
    for (let r = 0; r < rows; r++) {
      const y = Array.from(source.subarray(r * units, (r + 1) * units))
      const t = Array.from(targets.subarray(r * units, (r + 1) * units))
      sum += value(y, t, numbers)
      slopes.set(
        gradient(y, t, numbers).map((g) => g * scale),
        r * units,
      )
    }
    return { value: sum * scale, slopes, fromLogits }
  }

  #backward(x: Float64Array, targets: Float64Array, training: ReferenceTraining) {
    const traces = this.#forward(x)
    const { value, slopes, fromLogits } = this.#lossOf(traces.at(-1) as Trace, targets, training)
    const gradients = this.weights.map((weights) => new Float64Array(weights.length))
    let slope = slopes
    for (let index = this.layers.length - 1; index >= 0; index--) {
      const { units, useBias, activation } = this.layers[index] as ReferenceLayer
      const { input, sums } = traces[index] as Trace
      const skip = fromLogits && index === this.layers.length - 1
      const inner = skip ? slope : activateBackward(sums, slope, units, activation)
      const rows = sums.length / units
      const width = input.length / rows
      const k = this.#kernelIndex(index)
      const kernel = this.weights[k] as Float64Array
      const dKernel = gradients[k] as Float64Array
      const dInput = new Float64Array(input.length)
      for (let r = 0; r < rows; r++) {
        for (let i = 0; i < width; i++) {
          let sum = 0
          for (let u = 0; u < units; u++) {
            const g = inner[r * units + u] as number
            dKernel[i * units + u] = (dKernel[i * units + u] as number) + (input[r * width + i] as number) * g
            sum += (kernel[i * units + u] as number) * g
          }
          dInput[r * width + i] = sum
        }
      }
      if (useBias) {
        const dBias = gradients[k + 1] as Float64Array
        inner.forEach((g, i) => {
          dBias[i % units] = (dBias[i % units] as number) + g
        })
      }
      slope = dInput
    }
    return { value, gradients }
  }
}

/** The matrix product (rows, width) · (width, units). */
function product({ rows, data }: Rows, kernel: Float64Array, width: number, units: number): Float64Array {
  const out = new Float64Array(rows * units)
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < width; i++) {
      const v = data[r * width + i] as number
      if (v === 0) continue
      for (let u = 0; u < units; u++) {
        out[r * units + u] = (out[r * units + u] as number) + v * (kernel[i * units + u] as number)
      }
    }
  }
  return out
}

function activate(sums: Float64Array, units: number, name: string): Float64Array {
  const reference = activations[name] as (typeof activations)[string]
  const numbers = defaults[name] ?? []
  if (reference.kind === 'pointwise') return sums.map((x) => reference.value(x, numbers))
  const out = new Float64Array(sums.length)
  for (let i = 0; i < sums.length; i += units)
    out.set(reference.value(Array.from(sums.subarray(i, i + units)), numbers), i)
  return out
}

function activateBackward(sums: Float64Array, slope: Float64Array, units: number, name: string): Float64Array {
  const reference = activations[name] as (typeof activations)[string]
  const numbers = defaults[name] ?? []
  if (reference.kind === 'pointwise') return sums.map((x, i) => reference.slope(x, numbers) * (slope[i] as number))
  const out = new Float64Array(sums.length)
  for (let i = 0; i < sums.length; i += units) {
    const x = Array.from(sums.subarray(i, i + units))
    out.set(reference.gradient(x, Array.from(slope.subarray(i, i + units)), numbers), i)
  }
  return out
}
