/** Metrics that are computed for each row, such as correlations, and R². */

import type { CapturedBatch, MetricState } from './captured.js'
import { argmax } from './classMetrics.js'
import { eachRow, epsilon, mean, ratio } from './metricNumbers.js'

/** The state of the coefficient of determination: sums over rows for each output. */
export class R2State implements MetricState {
  readonly numbers: Float64Array
  readonly #outputs: number
  readonly #options: R2Options

  constructor(outputs: number, options: R2Options) {
    this.#outputs = outputs
    this.#options = options
    this.numbers = new Float64Array(2 + 3 * outputs)
  }

  updateState(batch: CapturedBatch): void {
    const sums = this.numbers
    const add = (at: number, value: number) => {
      sums[at] = (sums[at] as number) + value
    }
    eachRow(batch, (y, t, weight) => {
      add(0, y.length)
      add(1, weight)
      for (let o = 0; o < y.length; o++) {
        const truth = t[o] as number
        add(2 + 3 * o, weight * truth)
        add(3 + 3 * o, weight * truth * truth)
        add(4 + 3 * o, weight * (truth - (y[o] as number)) ** 2)
      }
    })
  }

  result(): number {
    // As in Keras, every output of a row counts as a sample.
    const [samples = 0, weight = 0] = this.numbers
    const { classAggregation, numRegressors, classId } = this.#options
    const outputs = Array.from({ length: this.#outputs }, (_, o) => {
      const [sum = 0, squares = 0, errors = 0] = this.numbers.subarray(2 + 3 * o, 5 + 3 * o)
      const total = squares - ratio(sum * sum, weight)
      const score = 1 - errors / total
      return { total, score: Number.isFinite(score) ? score : 0 }
    })
    const all = outputs.reduce((sum, { total }) => sum + total, 0)
    const score =
      classId !== undefined
        ? (outputs[classId]?.score ?? 0)
        : classAggregation === 'uniformAverage'
          ? mean(outputs.map((output) => output.score))
          : outputs.reduce((sum, { total, score: own }) => sum + ratio(total * own, all), 0)
    const free = samples - numRegressors - 1
    return numRegressors === 0 || free <= 0 ? score : 1 - ((1 - score) * (samples - 1)) / free
  }
}

export interface R2Options {
  readonly classAggregation: 'uniformAverage' | 'varianceWeightedAverage'
  readonly numRegressors: number
  readonly classId?: number | undefined
}

/** The state of a metric that is the weighted mean of one value per row. */
export class RowMeanState implements MetricState {
  readonly numbers = new Float64Array(2)
  readonly #value: (y: Float32Array, t: Float32Array) => number
  readonly #counts: (t: Float32Array) => boolean

  /** `counts` says for which rows the weight is added to the divisor; default all. */
  constructor(value: (y: Float32Array, t: Float32Array) => number, counts: (t: Float32Array) => boolean = () => true) {
    this.#value = value
    this.#counts = counts
  }

  updateState(batch: CapturedBatch): void {
    eachRow(batch, (y, t, weight) => {
      this.numbers[0] = (this.numbers[0] as number) + weight * this.#value(y, t)
      this.numbers[1] = (this.numbers[1] as number) + (this.#counts(t) ? weight : 0)
    })
  }

  result(): number {
    const [sum = 0, weight = 0] = this.numbers
    return ratio(sum, weight)
  }
}

/** Means, variances and covariance of the outputs and targets of a row. */
function moments(y: Float32Array, t: Float32Array) {
  const n = y.length
  const [my, mt] = [mean([...y]), mean([...t])]
  let [yy, tt, yt] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    const [a, b] = [(y[i] as number) - my, (t[i] as number) - mt]
    yy += a * a
    tt += b * b
    yt += a * b
  }
  return { my, mt, yy: yy / n, tt: tt / n, yt: yt / n }
}

/** Pearson's correlation of the outputs of a row with its targets. */
export function pearson(y: Float32Array, t: Float32Array): number {
  const { yy, tt, yt } = moments(y, t)
  return yt / Math.max(Math.sqrt(yy * tt), epsilon)
}

/** `-log(p)`, where `p` is the probability of the target's class; outputs are logits or probabilities. */
export const crossentropyOf = (fromLogits: boolean) => (y: Float32Array, t: Float32Array) => {
  const logits = fromLogits ? y : y.map((p) => Math.log(Math.min(Math.max(p, epsilon), 1 - epsilon)))
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const sum = logits.reduce((all, z) => all + Math.exp(z - top), 0)
  return Math.log(sum) + top - (logits[argmax(t)] as number)
}

/** Lin's concordance correlation of the outputs of a row with its targets. https://doi.org/10.2307/2532051 */
export function concordance(y: Float32Array, t: Float32Array): number {
  const { my, mt, yy, tt, yt } = moments(y, t)
  return (2 * yt) / (yy + tt + (my - mt) ** 2 + epsilon)
}
