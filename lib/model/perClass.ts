/** What an evaluation can say class by class. */

import type { TargetRows } from '../data/arrays.js'
import { toInput } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import { classCounts } from '../training/countMetrics.js'
import type { ModelCore } from './core.js'

/** A classification class by class: `evaluate(x, y, { perClass: true })`. All lists are by class index. */
export interface PerClass {
  /** Rows by the class of the target (first index) and that of the largest output (second). */
  readonly confusionMatrix: readonly (readonly number[])[]
  /** Rows of each class. */
  readonly support: Float64Array
  /** Share of the rows of each class that were recognized: its recall. NaN where there are none. */
  readonly accuracy: Float64Array
  /** Share of the answers of each class that were right. NaN where there are none. */
  readonly precision: Float64Array
  /** Harmonic mean of the two. NaN where there are neither rows nor answers. */
  readonly f1: Float64Array
}

/** With one output a class is 1 above 0.5; else it is that of the largest output. Rows that do not count are left out. */
export async function perClassOf(core: ModelCore, x: unknown, targets: TargetRows): Promise<PerClass> {
  const { inputShape, outputSize, outputs, positions } = core.built()
  const input = toInput(x, inputShape, 'x')
  const out = new Float32Array(input.rows * outputSize)
  await core.native().predict(input, out, 1024)
  const classes = Math.max(outputs, 2)
  const matrix = new Float64Array(classes * classes)
  for (let row = 0; row < input.rows * positions; row++) {
    if (Number.isNaN(targets.weights?.[row] ?? 1)) continue
    const target =
      targets.kind === 'classes' ? (targets.data[row] as number) : classOf(targets.data, row, outputs, 'targets')
    const at = target * classes + classOf(out, row, outputs, 'outputs')
    matrix[at] = (matrix[at] as number) + 1
  }
  const counts = classCounts(matrix, classes)
  return {
    confusionMatrix: counts.map((_, c) => [...matrix.subarray(c * classes, (c + 1) * classes)]),
    support: Float64Array.from(counts, ({ targets }) => targets),
    accuracy: Float64Array.from(counts, ({ right, targets }) => right / targets),
    precision: Float64Array.from(counts, ({ right, answers }) => right / answers),
    f1: Float64Array.from(counts, ({ right, targets, answers }) => (2 * right) / (targets + answers)),
  }
}

function classOf(values: Float32Array, row: number, outputs: number, what: string): number {
  if (outputs === 1) {
    const value = values[row] as number
    if (what === 'targets' && value !== 0 && value !== 1) {
      throw new NeurodeError('ERR_ARGUMENT', `perClass: expected targets of 0 and 1, got ${value} in row ${row}`)
    }
    return Number(value > 0.5)
  }
  let best = 0
  for (let o = 1; o < outputs; o++) {
    if ((values[row * outputs + o] as number) > (values[row * outputs + best] as number)) best = o
  }
  return best
}
