/** The importance of the columns of a table for a model of it. */

import { refuse } from '../checks/validate.js'
import { type Column, takeOf } from '../tables/column.js'
import { type Table, tableOf } from '../tables/table.js'
import type { TabularModel, TabularReport } from '../tabular/types.js'
import { type PermutationImportance, type ShufflingOptions, shuffleEach } from './shuffled.js'

/** Options of {@link permutationImportance} for a model of a table. */
export interface TableImportanceOptions extends ShufflingOptions {
  /** A number from the result of evaluate, larger for better predictions. Default: the accuracy, or R² of numbers. */
  readonly score?: ((report: TabularReport) => number) | undefined
}

function usualScore(report: TabularReport): number {
  return report.task === 'classification' ? report.accuracy : report.r2
}

/** Shuffles each column that the model reads. */
export function importanceOfTable(
  model: TabularModel,
  table: Table,
  options: TableImportanceOptions,
): Promise<PermutationImportance> {
  const { score = usualScore } = options
  if (typeof score !== 'function') refuse('permutationImportance: score', 'a function of the result of evaluate', score)
  const names = model.columns.map(({ name }) => name)
  const read = table.select([...names, model.target])
  return shuffleEach(
    {
      names,
      rows: read.rows,
      async score(column, order) {
        const columns =
          order === undefined
            ? read.columns
            : read.columns.with(column as number, takeOf(read.columns[column as number] as Column, order))
        return score(await model.evaluate(tableOf(columns, read.rows, read.source)))
      },
    },
    options,
  )
}
