/** Weights that give all classes a say. */

import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkOptions, describe } from '../checks/validate.js'
import { classesOf, type Label, type LabelInput, readClasses, readLabels } from './given.js'

/** Options of {@link classWeights}. */
export interface ClassWeightsOptions {
  /** All classes, each of which must have rows. Default: the labels that occur, in order. */
  readonly classes?: readonly Label[] | undefined
}

/**
 * Computes balanced weights of classes, `rows / (classes · rows of the class)`, so that all classes have the same total weight, with
 * the numbers of scikit-learn's `compute_class_weight('balanced', …)`. `fit` takes them as `classWeight`, if labels are class indices;
 * its `classWeight: 'balanced'` computes the same.
 *
 * @param labels - The class of each row.
 * @returns The weight of each class by its label, in order.
 * @throws NeurodeError `ERR_LABEL_RANGE` for a class without rows, or a label that is not among `classes`.
 *
 * @example
 * ```ts
 * import { classWeights } from 'neurode'
 *
 * console.log(classWeights(['ham', 'ham', 'ham', 'spam'])) // Map { 'ham' => 0.666…, 'spam' => 2 }
 * ```
 */
export function classWeights(labels: LabelInput, given?: ClassWeightsOptions, ...more: unknown[]): Map<Label, number> {
  refuseMore(more, 2, 'classWeights')
  const options = checkOptions(given, ['classes'], 'classWeights')
  const found = readLabels(labels, 'labels')
  const chosen = options.classes === undefined ? undefined : readClasses(options.classes, 'classWeights: classes')
  return balanced(found, chosen ?? classesOf(found))
}

function balanced(labels: readonly Label[], classes: readonly Label[]): Map<Label, number> {
  const counts = new Map(classes.map((label) => [label, 0]))
  for (const [i, label] of labels.entries()) {
    const count = counts.get(label)
    if (count === undefined) {
      throw new NeurodeError('ERR_LABEL_RANGE', `labels[${i}]: expected one of the classes, got ${describe(label)}`)
    }
    counts.set(label, count + 1)
  }
  for (const [label, count] of counts) {
    if (count > 0) continue
    const text = `classWeights: classes: expected classes that have rows, got ${describe(label)}, which has none`
    throw new NeurodeError('ERR_LABEL_RANGE', text)
  }
  return new Map([...counts].map(([label, count]) => [label, labels.length / (classes.length * count)]))
}

/**
 * Computes a weight for each row, that of its class as {@link classWeights} has it. `fit` takes them as `sampleWeight`.
 *
 * @param labels - The class of each row.
 * @throws NeurodeError `ERR_SHAPE` or `ERR_ARGUMENT` for what are no labels.
 *
 * @example
 * ```ts
 * import { sampleWeights } from 'neurode'
 *
 * console.log(sampleWeights(['ham', 'ham', 'ham', 'spam'])) // [0.666…, 0.666…, 0.666…, 2]
 * ```
 */
export function sampleWeights(labels: LabelInput, ...more: unknown[]): Float64Array {
  refuseMore(more, 1, 'sampleWeights')
  const found = readLabels(labels, 'labels')
  const weights = balanced(found, classesOf(found))
  return Float64Array.from(found, (label) => weights.get(label) as number)
}
