/** What users see of a model of a table. */

import type { ClassificationReport } from '../evaluation/confusion.js'
import type { RegressionReport } from '../evaluation/regression.js'
import type { FitOptions, FitResult } from '../fit/fitOptions.js'
import type { Functional } from '../models/functional.js'
import type { ModelSummary, SummaryOptions } from '../models/summary.js'
import type { ColumnType, TableRecord } from '../tables/column.js'
import type { Table } from '../tables/table.js'
import type { FeatureKind } from './feature.js'
import type { FeatureSpace } from './featureSpace.js'

/** A stream of tables with the same columns, such as `openTable` returns; it is read anew in every epoch. */
export type TableStream = AsyncIterable<Table> | Iterable<Table>

/** A class of a table's target: a text, a whole number, or true and false. */
export type TableLabel = string | number | boolean

/** A column that a {@link TabularModel} reads, with what a form for it needs. */
export interface TabularColumn {
  readonly name: string
  /** What its cells are. */
  readonly type: ColumnType
  /** What becomes of them, see {@link feature}. */
  readonly kind: FeatureKind
  /** Whether the rows that it learned from had gaps in it. Any cell may be a gap in a row to answer. */
  readonly optional: boolean
  /** The words of a category, the most frequent first, at most 100. */
  readonly words?: readonly string[] | undefined
  /** The smallest number, or date in milliseconds since 1970 in UTC. */
  readonly min?: number | undefined
  /** The largest. */
  readonly max?: number | undefined
  /** The median, which stands for a gap. */
  readonly median?: number | undefined
}

/** The answer of a classification. */
export interface ClassAnswer {
  /** The most probable class. */
  readonly label: TableLabel
  /** The probability of each class, by its name. */
  readonly probabilities: Readonly<Record<string, number>>
}

/** The answer of a regression: a number by the name of the target, in its own unit. */
export type NumberAnswer = Readonly<Record<string, number>>

/** What {@link TabularModel.predict} answers for a row. */
export type TabularAnswer = ClassAnswer | NumberAnswer

/** The result of {@link TabularModel.evaluate} of a classification. */
export interface ClassEvaluation extends ClassificationReport {
  readonly task: 'classification'
  /** The mean cross-entropy of a row. */
  readonly loss: number
  /** How many rows there were, without those whose target is a gap. */
  readonly rows: number
}

/** The result of {@link TabularModel.evaluate} of a regression; errors are in the target's own unit. */
export interface NumberEvaluation extends RegressionReport {
  readonly task: 'regression'
  /** The mean squared error of the standardized target, which training makes small. */
  readonly loss: number
  /** How many rows there were, without those whose target is a gap. */
  readonly rows: number
}

/** What {@link TabularModel.evaluate} tells. */
export type TabularReport = ClassEvaluation | NumberEvaluation

/** When a fit ends early, see {@link TabularFitOptions}. */
export interface TabularEarlyStopping {
  /** Epochs without a smaller loss of the validation rows, a positive integer; default 20. */
  readonly patience?: number | undefined
  /** By how much the loss must fall to count; default 0. */
  readonly minDelta?: number | undefined
}

/** Options of {@link TabularModel.fit}. All others are those of {@link Sequential.fit}. */
export interface TabularFitOptions
  extends Omit<
    FitOptions,
    'validationData' | 'classWeight' | 'sampleWeight' | 'copy' | 'initialEpoch' | 'stepsPerEpoch' | 'validationSteps'
  > {
  /** Rows to validate on after epochs. */
  readonly validationData?: Table | TableStream | undefined
  /** Share of the rows to validate on instead of training on them: drawn at random, of a classification as many of each class. */
  readonly validationSplit?: number | undefined
  /**
   * Ends the training when the loss of the validation rows has stopped falling, and takes the best weights. Without rows to validate
   * on, a tenth of the rows is kept for it. Default false.
   */
  readonly earlyStopping?: boolean | TabularEarlyStopping | undefined
  /** A weight for each class by its name, or `'balanced'`: as much weight for each class. Default: every row counts 1. */
  readonly classWeight?: 'balanced' | Readonly<Record<string, number>> | undefined
  /** The name of a column with a weight for each row, which is no feature then. Default: every row counts 1. */
  readonly sampleWeight?: string | undefined
}

/**
 * A model of a table, made by {@link tabular} or {@link load}: the columns, the network beneath them, and the target. It takes rows as
 * plain objects or tables, and answers in classes or in the target's own unit.
 */
export interface TabularModel {
  readonly kind: 'tabular'
  /** The features of the columns. Throws `ERR_NOT_BUILT` before the first fit of a model that guesses them. */
  readonly features: FeatureSpace
  /** The name of the target's column. */
  readonly target: string
  /** What is predicted: classes or numbers. Throws `ERR_NOT_BUILT` before the first fit of a model that guesses it. */
  readonly task: 'classification' | 'regression'
  /** The classes, in the order of the network's outputs; undefined for a regression. */
  readonly classes: readonly TableLabel[] | undefined
  /** The columns that the model reads, in the order of their names. */
  readonly columns: readonly TabularColumn[]
  /** Columns of the first table that are no features, and why; empty where the features were given. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[]
  /** The network of numbers. Throws `ERR_NOT_BUILT` before the first fit. */
  readonly network: Functional
  /** Trains on the rows of a table, or of a stream of tables with a memory that does not grow with it. */
  fit(data: Table | TableStream, options?: TabularFitOptions): Promise<FitResult>
  /** Answers one row. */
  predict(record: TableRecord): Promise<TabularAnswer>
  /** Answers rows, in their order. */
  predict(rows: readonly TableRecord[] | Table): Promise<TabularAnswer[]>
  /** Compares answers with the target of rows. */
  evaluate(data: Table | TableStream | readonly TableRecord[]): Promise<TabularReport>
  /** Prints columns and network, see {@link Sequential.summary}. */
  summary(options?: SummaryOptions): ModelSummary
  /** Writes everything to a `.neurode` file, which {@link load} reads. */
  save(path: string | URL): Promise<void>
  /** Frees the memory of the network; later calls throw `ERR_DISPOSED`. */
  dispose(): void
}
