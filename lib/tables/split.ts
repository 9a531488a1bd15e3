/** Splits the rows of tables. */

import { checkOptions, refuse } from '../checks/validate.js'
import { type Split, splitOf } from '../evaluation/trainTest.js'
import { type Column, cellOf } from './column.js'

/** Options of {@link Table.split}. */
export interface SplitOptions {
  /** How many rows to test on: a share between 0 and 1, which is rounded up to whole rows, or a number from 2. Default 0.2. */
  readonly test?: number | undefined
  /** The name of a column: both parts get the same share of each of its values, gaps among them. Default: none. */
  readonly stratify?: string | undefined
  /** Seed of the random order; the same seed gives the same split. Default: random. */
  readonly seed?: number | undefined
  /** Whether rows are in random order; otherwise those to train on come first. Default true. */
  readonly shuffle?: boolean | undefined
}

interface Rows {
  readonly rows: number
  column(name: string): Column
}

export function splitRows(table: Rows, given: SplitOptions | undefined): Split {
  const { test = 0.2, stratify, ...rest } = checkOptions(given, ['test', 'stratify', 'seed', 'shuffle'], 'split')
  if (table.rows < 2) refuse('split', 'a table of at least 2 rows', table.rows)
  const labels = stratify === undefined ? undefined : labelsOf(table.column(stratify), table.rows)
  return splitOf(table.rows, { ...rest, testSize: test, stratify: labels }, { caller: 'split', test: 'test' })
}

function labelsOf(column: Column, rows: number): string[] {
  return Array.from({ length: rows }, (_, row) => {
    const cell = cellOf(column, row)
    return cell instanceof Date ? cell.toISOString() : String(cell)
  })
}
