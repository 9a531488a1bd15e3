/** Metrics of classes: F-beta, confusion matrices, and intersection over union. */

import type { CapturedBatch, MetricState } from './captured.js'
import { eachRow, epsilon, mean } from './metricNumbers.js'

export type Average = 'none' | 'micro' | 'macro' | 'weighted'

/** The state of the F-beta score: counts for every class. */
export class FBetaState implements MetricState {
  readonly numbers: Float64Array
  readonly #outputs: number
  readonly #options: FBetaOptions

  constructor(outputs: number, options: FBetaOptions) {
    this.#outputs = outputs
    this.#options = options
    this.numbers = new Float64Array(3 * outputs)
  }

  updateState(batch: CapturedBatch): void {
    const { threshold } = this.#options
    eachRow(batch, (y, t, weight) => {
      const top = y.reduce((a, b) => Math.max(a, b), -Infinity)
      for (let o = 0; o < y.length; o++) {
        const value = y[o] as number
        const said = Number(threshold === undefined ? value >= top && Math.abs(value) > 1e-9 : value > threshold)
        const truth = Math.trunc(t[o] as number)
        const add = (kind: number, amount: number) => {
          this.numbers[3 * o + kind] = (this.numbers[3 * o + kind] as number) + weight * amount
        }
        add(0, said * truth)
        add(1, said * (1 - truth))
        add(2, (1 - said) * truth)
      }
    })
  }

  result(): number {
    const { beta, average, classId } = this.#options
    const counts = Array.from({ length: this.#outputs }, (_, o) => [...this.numbers.subarray(3 * o, 3 * o + 3)])
    const score = ([tp = 0, fp = 0, fn = 0]: readonly number[]) => {
      const precision = tp / (tp + fp + epsilon)
      const recall = tp / (tp + fn + epsilon)
      return ((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall + epsilon)
    }
    if (classId !== undefined) return score(counts[classId] ?? [])
    if (average === 'micro')
      return score([0, 1, 2].map((kind) => counts.reduce((sum, c) => sum + (c[kind] as number), 0)))
    if (average === 'macro') return mean(counts.map(score))
    const supports = counts.map(([tp = 0, , fn = 0]) => tp + fn)
    const all = supports.reduce((a, b) => a + b, 0) + epsilon
    return counts.reduce((sum, c, o) => sum + (score(c) * (supports[o] as number)) / all, 0)
  }
}

export interface FBetaOptions {
  readonly beta: number
  readonly average: Average
  readonly threshold?: number | undefined
  readonly classId?: number | undefined
}

/** A function that returns the classes of a row: pairs of the target's class and the output's class. */
export type ClassesOf = (y: Float32Array, t: Float32Array) => readonly (readonly [target: number, output: number])[]

/** The index of the first largest value. */
export const argmax = (row: Float32Array) => row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity))

/** The class of the largest output; a single output is itself a class index. */
export const largestOf: ClassesOf = (y, t) =>
  y.length === 1 ? [[Math.trunc(t[0] as number), Math.trunc(y[0] as number)]] : [[argmax(t), argmax(y)]]

/** A pair for every output, whose class is 1 if it is at least the threshold, else 0. */
export const overThreshold =
  (threshold: number): ClassesOf =>
  (y, t) =>
    Array.from(y, (value, o) => [Math.trunc(t[o] as number), Number(value >= threshold)] as const)

/** A confusion matrix: sums of weights by the class of the target (rows) and of the output (columns). */
export class ConfusionState implements MetricState {
  readonly numbers: Float64Array
  readonly #classes: number
  readonly #classesOf: ClassesOf
  readonly #result: (matrix: Float64Array, classes: number) => number

  constructor(classes: number, classesOf: ClassesOf, result: (matrix: Float64Array, classes: number) => number) {
    this.#classes = classes
    this.#classesOf = classesOf
    this.#result = result
    this.numbers = new Float64Array(classes * classes)
  }

  updateState(batch: CapturedBatch): void {
    eachRow(batch, (y, t, weight) => {
      for (const [row, column] of this.#classesOf(y, t)) {
        if (row < 0 || column < 0 || row >= this.#classes || column >= this.#classes) continue
        const at = row * this.#classes + column
        // Weights are truncated as in Keras, whose matrix holds integers.
        this.numbers[at] = (this.numbers[at] as number) + Math.trunc(weight)
      }
    })
  }

  result(): number {
    return this.#result(this.numbers, this.#classes)
  }
}

/** For each class of a confusion matrix: the weights of correct predictions, of targets, and of predictions. */
export function classCounts(matrix: Float64Array, classes: number) {
  return Array.from({ length: classes }, (_, c) => {
    let [targets, answers] = [0, 0]
    for (let o = 0; o < classes; o++) {
      targets += matrix[c * classes + o] as number
      answers += matrix[o * classes + c] as number
    }
    return { right: matrix[c * classes + c] as number, targets, answers }
  })
}

/** The mean over some classes (all by default) of the intersection of targets and predictions divided by their union. */
export function intersectionOverUnion(ids?: readonly number[]): (matrix: Float64Array, classes: number) => number {
  return (matrix, classes) => {
    const all = classCounts(matrix, classes)
    const chosen = (ids ?? all.map((_, c) => c)).map((id) => all[id]).filter((c) => c !== undefined)
    const present = chosen.filter(({ targets, answers }) => targets + answers > 0)
    return present.length === 0
      ? 0
      : present.reduce((sum, { right, targets, answers }) => sum + right / (targets + answers - right + epsilon), 0) /
          present.length
  }
}
