/** Metrics of classes: F-beta, confusion matrices, and intersection over union. */

import { epsilon, floatAtMost, floatBelow, mean } from './metricNumbers.js'
import type { Tally } from './tally.js'

export type Average = 'none' | 'micro' | 'macro' | 'weighted'

/** A tally of true positives, false positives and false negatives of every class, and the F-beta score of them. */
export function fBetaTally(outputs: number, { threshold, ...options }: FBetaOptions): Tally {
  return {
    plan: {
      kind: 'classes',
      ...(threshold === undefined ? {} : { thresholds: Float32Array.of(floatAtMost(threshold)) }),
    },
    size: 3 * outputs,
    result: (sums) => fBeta(sums, outputs, options),
  }
}

function fBeta(sums: Float64Array, outputs: number, { beta, average, classId }: FBetaOptions): number {
  const counts = Array.from({ length: outputs }, (_, o) => [...sums.subarray(3 * o, 3 * o + 3)])
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

export interface FBetaOptions {
  readonly beta: number
  readonly average: Average
  readonly threshold?: number | undefined
  readonly classId?: number | undefined
}

type OfMatrix = (matrix: Float64Array, classes: number) => number

/**
 * A tally of a confusion matrix: the weights of rows by the class of the target (rows) and of the output (columns). The class of an
 * output is the largest one; a single output is itself a class index.
 */
export function confusionTally(classes: number, result: OfMatrix): Tally {
  return { plan: { kind: 'confusion', classes }, size: classes ** 2, result: (sums) => result(sums, classes) }
}

/** The same of all outputs by themselves, each of class 1 if it is at least the threshold, else of class 0. */
export function sidesTally(threshold: number, result: OfMatrix): Tally {
  const thresholds = Float32Array.of(floatBelow(threshold))
  return { plan: { kind: 'sides', classes: 2, thresholds }, size: 4, result: (sums) => result(sums, 2) }
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
export function intersectionOverUnion(ids?: readonly number[]): OfMatrix {
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
