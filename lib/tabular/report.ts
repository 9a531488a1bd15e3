/** Compares the answers of a model with the truth. */

import { classificationReport } from '../evaluation/confusion.js'
import { regressionReport } from '../evaluation/regression.js'
import type { Target } from './target.js'
import type { TabularReport } from './types.js'

/** Arrays one after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The scores of outputs of the network, given what they were to be. */
export function reportOf(target: Target, truths: Float32Array, outputs: Float32Array): TabularReport {
  const rows = truths.length
  if (target.task === 'regression') {
    const loss = truths.reduce((sum, truth, i) => sum + (truth - (outputs[i] as number)) ** 2, 0) / rows
    const values = (given: Float32Array) => Float64Array.from(given, (each) => target.value(each))
    return { task: 'regression', loss, rows, ...regressionReport(values(truths), values(outputs)) }
  }
  const { classes } = target
  const loss =
    truths.reduce((sum, truth, i) => sum - Math.log(Math.max(outputs[i * classes.length + truth] as number, 1e-7)), 0) /
    rows
  const report = classificationReport(
    Array.from(truths, (truth) => classes[truth] as string),
    target.answers(outputs).map(({ label }) => label as string),
  )
  return { task: 'classification', loss, rows, ...report }
}
