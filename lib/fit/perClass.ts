/** Measures of a classification for each class: confusion matrices, recall, precision and F1. */

import type { InputRows, TargetRows } from '../arrays/arrays.js'
import { withLists } from '../arrays/shapedArray.js'
import { toPlainTargets } from '../arrays/targets.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import type { HeadSetup } from '../core/headSetup.js'
import type { OfOutput } from '../core/ofOutputs.js'
import { readHead } from '../core/targets.js'
import type { Activation } from '../layers/activations.js'
import { classCounts } from '../training/classMetrics.js'

/** A class against all others: `[[true negatives, false positives], [false negatives, true positives]]`. */
export type BinaryConfusion = readonly [
  no: readonly [trueNegatives: number, falsePositives: number],
  yes: readonly [falseNegatives: number, truePositives: number],
]

/**
 * A classification class by class: `evaluate(x, y, { perClass: true })`. All lists are by class index. Classes exclude each
 * other and the largest output counts; with one output they are 0 and 1. A model of several labels, which do not exclude each
 * other, has several outputs under a binary loss (binary cross-entropies, hinges) and no softmax: each label is a class then.
 */
export interface PerClass {
  /** Rows by the class of the target (first index) and that of the output (second). Empty with several labels. */
  readonly confusionMatrix: readonly (readonly number[])[]
  /** Each class, or label, against the rest, as scikit-learn's `multilabel_confusion_matrix`. */
  readonly confusionMatrices: readonly BinaryConfusion[]
  /** Rows of each class, or that have each label. */
  readonly support: Float64Array
  /** Share of the rows of each class that were recognized: its recall. NaN where there are none. */
  readonly accuracy: Float64Array
  /** Share of the answers of each class that were right. NaN where there are none. */
  readonly precision: Float64Array
  /** Harmonic mean of the two. NaN where there are neither rows nor answers. */
  readonly f1: Float64Array
}

/** Counts of a class: right answers, rows that belong to it, and rows that the model assigned to it. */
type ClassCounts = ReturnType<typeof classCounts>[number]

/** Targets, and outputs of a model, of one of its outputs. */
interface Answers {
  readonly setup: HeadSetup
  readonly targets: TargetRows
  readonly out: Float32Array
}

/**
 * Predicts the rows and counts the answers. Rows whose weight is NaN do not count. With several outputs the result has those that
 * classify, by name. Throws `ERR_ARGUMENT` if none does.
 */
export async function perClassOf(
  core: ModelCore,
  input: InputRows,
  values: readonly OfOutput[],
): Promise<PerClass | Readonly<Record<string, PerClass>>> {
  const { rows } = input
  const { outputSize } = core.built()
  const { heads } = core.training()
  const asked = heads.length === 1 ? [0] : [...heads.keys()].filter((i) => classifies(heads[i] as HeadSetup))
  if (asked.length === 0) refuse('perClass', 'false for a model whose outputs have no loss of a classification', true)
  const { loss, rawWidth } = heads[asked[0] as number] as HeadSetup
  if (rawWidth !== undefined) refuse('perClass', `false with loss '${loss?.name}', which has targets of its own`, true)
  const targets = asked.map((i) => toPlainTargets(readHead(core, i, values[i] as OfOutput, rows)))
  const out = new Float32Array(rows * outputSize)
  await core.predict(input, out)
  const found = asked.map((index, i): [string, PerClass] => {
    const setup = heads[index] as HeadSetup
    const own = heads.length === 1 ? out : columnsOf(out, rows, setup)
    return [setup.head.name, countAnswers({ setup, targets: targets[i] as TargetRows, out: own }, rows)]
  })
  return heads.length === 1 ? (found[0] as [string, PerClass])[1] : Object.fromEntries(found)
}

/** Whether the loss of an output is made for classes or labels. */
function classifies({ head, loss }: HeadSetup): boolean {
  const ofClasses = head.outputs > 1 && loss?.targets.classes === true && loss.custom === undefined
  return ofClasses || loss?.threshold !== undefined
}

function columnsOf(out: Float32Array, rows: number, { head: { begin, size } }: HeadSetup): Float32Array {
  const stride = out.length / rows
  const columns = new Float32Array(rows * size)
  for (let row = 0; row < rows; row++) {
    columns.set(out.subarray(row * stride + begin, row * stride + begin + size), row * size)
  }
  return columns
}

function countAnswers(answers: Answers, rows: number): PerClass {
  const { setup, targets, out } = answers
  const { outputs, positions } = setup.head
  const counted: number[] = []
  for (let row = 0; row < rows * positions; row++) if (!Number.isNaN(targets.weights?.[row])) counted.push(row)
  if (hasLabels(setup)) return summarize([], ofLabels(answers, counted), counted.length)
  const classes = Math.max(outputs, 2)
  const matrix = new Float64Array(classes * classes)
  for (const row of counted) {
    const truth = targets.kind === 'classes' ? (targets.data[row] as number) : targetClass(setup, targets.data, row)
    const said = outputs === 1 ? saysYes(setup, out[row] as number) : largest(out, row, outputs)
    const at = truth * classes + said
    matrix[at] = (matrix[at] as number) + 1
  }
  const lines = Array.from({ length: classes }, (_, c) => [...matrix.subarray(c * classes, (c + 1) * classes)])
  return summarize(lines, classCounts(matrix, classes), counted.length)
}

/** Whether the outputs are labels that do not exclude each other. */
function hasLabels({ head, loss }: HeadSetup): boolean {
  const { activation } = (head.ending.at(-1) ?? {}) as { readonly activation?: Activation | undefined }
  return head.outputs > 1 && loss?.threshold !== undefined && activation?.name !== 'softmax'
}

function ofLabels({ setup, targets, out }: Answers, rows: readonly number[]): ClassCounts[] {
  const { outputs } = setup.head
  return Array.from({ length: outputs }, (_, label) => {
    const counts = { right: 0, targets: 0, answers: 0 }
    for (const row of rows) {
      const at = row * outputs + label
      const [truth, said] = [isYes(setup, targets.data[at] as number, row), saysYes(setup, out[at] as number)]
      counts.right += truth * said
      counts.targets += truth
      counts.answers += said
    }
    return counts
  })
}

function summarize(
  confusionMatrix: readonly (readonly number[])[],
  counts: readonly ClassCounts[],
  rows: number,
): PerClass {
  const list = (of: (counts: ClassCounts) => number) => Float64Array.from(counts, of)
  return withLists<PerClass>({
    confusionMatrix,
    confusionMatrices: counts.map(({ right, targets, answers }) => [
      [rows - targets - answers + right, answers - right],
      [targets - right, right],
    ]),
    support: list(({ targets }) => targets),
    accuracy: list(({ right, targets }) => right / targets),
    precision: list(({ right, answers }) => right / answers),
    f1: list(({ right, targets, answers }) => (2 * right) / (targets + answers)),
  })
}

/** Whether an output means yes, 1, or no, 0. */
function saysYes({ loss }: HeadSetup, output: number): 0 | 1 {
  return output > (loss?.threshold ?? 0.5) ? 1 : 0
}

/** Whether a target means yes, 1, or no, 0. Throws for other targets. */
function isYes({ loss, prefix }: HeadSetup, target: number, row: number): 0 | 1 {
  const no = loss?.targetRange?.[0] === -1 ? [0, -1] : [0]
  if (target === 1) return 1
  if (no.includes(target)) return 0
  throw new NeurodeError('ERR_ARGUMENT', `${prefix}perClass: expected targets of 0 and 1, got ${target} in row ${row}`)
}

function targetClass(setup: HeadSetup, data: Float32Array, row: number): number {
  const { outputs } = setup.head
  if (outputs === 1) return isYes(setup, data[row] as number, row)
  const best = largest(data, row, outputs)
  const from = row * outputs
  for (let o = best + 1; o < outputs; o++) {
    if (data[from + o] !== data[from + best]) continue
    const text = `${setup.prefix}perClass: expected targets with one largest value a row, got several in row ${row}`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; a model of several labels has a binary loss`)
  }
  return best
}

/** The index of the first largest value of a row. */
function largest(values: Float32Array, row: number, outputs: number): number {
  let best = 0
  for (let o = 1; o < outputs; o++) {
    if ((values[row * outputs + o] as number) > (values[row * outputs + best] as number)) best = o
  }
  return best
}
