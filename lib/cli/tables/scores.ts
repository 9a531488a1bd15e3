/** Scores of a model of a table beside those of the simplest guess. */

import { type ClassificationReport, classificationReport } from '../../evaluation/confusion.js'
import type { Label } from '../../evaluation/given.js'
import { type RegressionReport, regressionReport } from '../../evaluation/regression.js'
import { rocAuc } from '../../evaluation/scores.js'
import { cellOf } from '../../tables/column.js'
import type { Table } from '../../tables/table.js'
import type { ClassAnswer, NumberAnswer, TableLabel, TabularModel } from '../../tabular/types.js'

/** A score by its key in JSON, with its name in texts. */
export interface Score {
  readonly key: string
  readonly name: string
  readonly value: number
}

/** The scores that are shown, the most important first. */
function scoresFrom(report: ClassificationReport | RegressionReport): readonly Score[] {
  if ('r2' in report) {
    return [
      { key: 'r2', name: 'R²', value: report.r2 },
      { key: 'rmse', name: 'Root mean squared error', value: report.rmse },
      { key: 'mae', name: 'Mean absolute error', value: report.mae },
    ]
  }
  return [
    { key: 'accuracy', name: 'Accuracy', value: report.accuracy },
    { key: 'balancedAccuracy', name: 'Balanced accuracy', value: report.balancedAccuracy },
    { key: 'f1', name: 'F1, mean of classes', value: report.macro.f1 },
  ]
}

/** Of the rows of a table whose target is known: what it is, and what the model answers. */
export interface Answered {
  /** How many there are. */
  readonly rows: number
  /** Classes, or numbers. */
  readonly truths: readonly TableLabel[]
  /** Predicted classes, or numbers. */
  readonly guesses: readonly TableLabel[]
  /** Of classes: a probability for each row and class; empty for numbers. */
  readonly probabilities: readonly (readonly number[])[]
}

/** Asks the model about the rows whose target is known, of one part of a table after the other. Only answers are kept. */
export async function answer(model: TabularModel, parts: Iterable<Table> | AsyncIterable<Table>): Promise<Answered> {
  const { classes, target } = model
  const truths: TableLabel[] = []
  const guesses: TableLabel[] = []
  const all: (readonly number[])[] = []
  for await (const part of parts) {
    const rows = withTarget(part, target)
    for (const truth of targetsOf(rows, target)) truths.push(truth)
    for (const each of await model.predict(rows.without(target))) {
      if (classes === undefined) {
        guesses.push(numberOf(each, target))
        continue
      }
      const { label, probabilities } = each as ClassAnswer
      guesses.push(label)
      all.push(classes.map((known) => probabilities[String(known)] as number))
    }
  }
  return { rows: truths.length, truths, guesses, probabilities: all }
}

/** The scores of guesses. */
export function scoresOf(
  { task }: TabularModel,
  { truths, guesses }: Pick<Answered, 'truths' | 'guesses'>,
): readonly Score[] {
  const report =
    task === 'classification'
      ? classificationReport(truths, guesses)
      : regressionReport(truths as readonly number[], guesses as readonly number[])
  return scoresFrom(report)
}

/** The number of an answer of a regression. */
export function numberOf(answer: ClassAnswer | NumberAnswer, target: string): number {
  return (answer as NumberAnswer)[target] as number
}

/** The rows whose target is not a gap. */
export function withTarget(table: Table, target: string): Table {
  const column = table.column(target)
  if (column.missing === 0) return table
  return table.take(Array.from({ length: table.rows }, (_, row) => row).filter((row) => cellOf(column, row) !== null))
}

/** The targets of rows that all have one. */
function targetsOf(table: Table, target: string): readonly TableLabel[] {
  const column = table.column(target)
  return Array.from({ length: table.rows }, (_, row) => cellOf(column, row) as TableLabel)
}

/** The area under the ROC curve of two classes; undefined for more, for numbers, and where only one class has rows. */
export function areaOf({ truths, probabilities }: Answered, classes: TabularModel['classes']): number | undefined {
  if (classes?.length !== 2 || new Set(truths).size < 2) return undefined
  const scores = probabilities.map(([, second = 0]) => second)
  return rocAuc(truths as readonly Label[], scores, { positive: classes[1] as Label })
}

/** What came of an evaluation. */
export interface Evaluated {
  readonly model: TabularModel
  readonly answered: Answered
  readonly scores: readonly Score[]
}

/** The simplest guess that the training rows allow, the most frequent class or the mean, and its scores. */
export interface Baseline {
  readonly guess: TableLabel
  readonly scores: readonly Score[]
}

/** Scores the simplest guess. */
export function baselineOf(model: TabularModel, train: Table, { truths }: Answered): Baseline {
  const known = targetsOf(withTarget(train, model.target), model.target)
  const guess = model.task === 'classification' ? mostFrequent(known) : meanOf(known as readonly number[])
  return { guess, scores: scoresOf(model, { truths, guesses: truths.map(() => guess) }) }
}

function mostFrequent(labels: readonly TableLabel[]): TableLabel {
  const counts = new Map<TableLabel, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0]
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length
}
