/** The data of a fit: tables and streams of tables as what the network beneath takes. */

import { array, type NdArray } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { deriveSeed } from '../base/seeds.js'
import { warn } from '../base/warnings.js'
import { checkInteger, checkOptions, checkRecord, isPlain, refuse, shorten } from '../checks/validate.js'
import { shuffledOrder } from '../data/shuffledOrder.js'
import { gather } from '../evaluation/rows.js'
import { trainTestSplit } from '../evaluation/trainTest.js'
import type { NumberColumn, TableRecord } from '../tables/column.js'
import type { Table } from '../tables/table.js'
import type { ColumnSet } from './columnSet.js'
import type { Layout, NetworkInputs } from './layout.js'
import { isTable, type ReadRows, refuseOnce, tableRows, tablesOf } from './rows.js'
import type { ClassTarget, Target } from './target.js'
import type { TableLabel, TableStream, TabularEarlyStopping, TabularFitOptions } from './types.js'

/** What turns rows into the data of a network. */
export interface Encoding {
  readonly set: ColumnSet
  readonly layout: Layout
  readonly target: Target
  readonly weights: string | undefined
}

/** Rows as the network takes them. */
export interface EncodedRows {
  readonly x: NetworkInputs
  readonly y: Float32Array
  readonly sampleWeight: Float32Array | undefined
  readonly rows: number
}

/** The table without rows whose target is a gap, of which a warning tells. */
export function withTargets(table: Table, target: string): Table {
  const column = table.column(target)
  if (column.missing === 0) return table
  const isThere = column.type === 'text' ? column.codes.map((code) => Number(code >= 0)) : column.values
  const kept = Uint32Array.from({ length: table.rows - column.missing })
  let [place, first] = [0, -1]
  for (let row = 0; row < table.rows; row++) {
    const isGap = column.type === 'text' ? isThere[row] === 0 : Number.isNaN(isThere[row])
    if (!isGap) kept[place++] = row
    else if (first < 0) first = row
  }
  const at = table.source === undefined ? `row ${first}` : `${table.source.path}, line ${table.source.lineOf(first)}`
  warnOfGaps(column.missing, target, at)
  return table.take(kept)
}

function warnOfGaps(count: number, target: string, at: string): void {
  const rows = count === 1 ? '1 row was left out: its' : `${count} rows were left out: their`
  warn('NEURODE_ROWS_LEFT_OUT', `${rows} target '${shorten(target)}' is a gap, first in ${at}`)
}

/** The records without those whose target is a gap, of which a warning tells. */
export function recordsWithTargets(records: readonly TableRecord[], target: string): readonly TableRecord[] {
  const isGap = (record: unknown) => {
    const cell = isPlain(record) && Object.hasOwn(record, target) ? (record as TableRecord)[target] : undefined
    return cell === null || cell === undefined || Number.isNaN(cell)
  }
  const kept = records.filter((record) => !isGap(record))
  if (kept.length < records.length) {
    warnOfGaps(records.length - kept.length, target, `row ${records.findIndex(isGap)}`)
  }
  return kept
}

/** Encodes rows with their targets; `names` are further columns that may be there. */
export function encodeRows(rows: ReadRows, encoding: Encoding, argument: string): EncodedRows {
  const { set, layout, target, weights } = encoding
  const others = weights === undefined ? [target.name] : [target.name, weights]
  const columns = set.read(rows, argument, others)
  const given = rows.column(target.name, target.task === 'regression' ? 'number' : (target as ClassTarget).type)
  const y = target.encode(given, rows.where)
  const sampleWeight = weights === undefined ? undefined : weightsOf(rows, weights)
  return { x: layout.encode(columns, rows.rows), y, sampleWeight, rows: rows.rows }
}

function weightsOf(rows: ReadRows, name: string): Float32Array {
  const { values } = rows.column(name, 'number') as NumberColumn
  const row = values.findIndex((value) => !(value >= 0) || value === Number.POSITIVE_INFINITY)
  if (row < 0) return Float32Array.from(values)
  const text = `column '${shorten(name)}'${rows.where(row)}: expected a weight of at least 0, got`
  throw new NeurodeError('ERR_ARGUMENT', `${text} ${Number.isNaN(values[row]) ? 'a gap' : values[row]}`)
}

/** The parts of a stream, of which the next is read while one is worked on. */
async function* readAhead(source: AsyncIterable<Table>): AsyncGenerator<Table> {
  const parts = source[Symbol.asyncIterator]()
  let next = parts.next()
  let isOver = false
  try {
    for (;;) {
      const { value, done } = await next
      isOver = done === true
      if (isOver) return
      next = parts.next()
      // An error is thrown once the part before it is done.
      next.catch(() => {})
      yield value
    }
  } finally {
    // A stream that still owes a part closes after it, which may never come.
    if (!isOver) parts.return?.().catch(() => {})
  }
}

/** Batches of a stream of tables; the rows of each part are in random order. */
export async function* batchesOf(
  source: AsyncIterable<Table>,
  encoding: Encoding,
  { batchSize, seed }: { readonly batchSize: number; readonly seed: number | undefined },
): AsyncGenerator<{ x: NetworkInputs; y: NdArray; sampleWeight?: Float32Array }> {
  let part = 0
  for await (const table of readAhead(source)) {
    const kept = withTargets(table, encoding.target.name)
    const { x, y, sampleWeight, rows } = encodeRows(tableRows(kept), encoding, 'fit')
    const order = seed === undefined ? undefined : shuffledOrder(rows, seed, part++)
    for (let begin = 0; begin < rows; begin += batchSize) {
      const end = Math.min(begin + batchSize, rows)
      const pick = (values: Float32Array, width: number) =>
        order === undefined
          ? values.subarray(begin * width, end * width)
          : gather(values, width, order.subarray(begin, end))
      const inputs = Object.entries(x).map(([name, { data, shape }]): [string, NdArray] => {
        const width = shape[1] as number
        return [name, array(pick(data as Float32Array, width), [end - begin, width])]
      })
      const batch = { x: Object.fromEntries(inputs), y: targetsOf(pick(y, 1), encoding.target) }
      yield sampleWeight === undefined ? batch : { ...batch, sampleWeight: pick(sampleWeight, 1) }
    }
  }
}

/** Targets in the shape that the loss takes. */
export function targetsOf(y: Float32Array, { task }: Target): NdArray {
  return task === 'regression' ? array(y, [y.length, 1]) : array(y, [y.length])
}

/** Keeps a share of the rows for validation, of a classification as many of each class. */
export function splitForValidation(table: Table, target: Target, share: number, seed: number): readonly [Table, Table] {
  const own = deriveSeed(seed, 0, 'validation')
  const column = tableRows(table).column(
    target.name,
    target.task === 'regression' ? 'number' : (target as ClassTarget).type,
  )
  const classes = target.task === 'classification' ? target.encode(column, tableRows(table).where) : undefined
  const counts = new Map<number, number>()
  for (const each of classes ?? []) counts.set(each, (counts.get(each) ?? 0) + 1)
  const isStratified = [...counts.values()].every((count) => count >= 2 / share)
  const stratify = classes !== undefined && isStratified ? Array.from(classes) : undefined
  const { train, test } = trainTestSplit(table.rows, { testSize: share, seed: own, stratify })
  return [table.take(train), table.take(test)]
}

/** Weights by class index, of weights by name or balanced ones. */
export function classWeightsOf(
  given: TabularFitOptions['classWeight'],
  target: Target,
): Record<number, number> | undefined {
  if (given === undefined) return undefined
  if (target.task === 'regression') return refuse('classWeight', 'none for numbers, which have no classes', given)
  const { classes, counts } = target
  if (given === 'balanced') {
    const all = counts.reduce((sum, count) => sum + count, 0)
    return Object.fromEntries(counts.map((count, i) => [i, all / (classes.length * Math.max(1, count))]))
  }
  const record = checkRecord(given, 'classWeight', "weights by class, or 'balanced'")
  const places = new Map(classes.map((label: TableLabel, i) => [String(label), i]))
  return Object.fromEntries(
    Object.entries(record).map(([name, weight]) => {
      const place = places.get(name)
      if (place !== undefined) return [place, weight as number]
      const known = [...places.keys()].slice(0, 10).join(', ')
      throw new NeurodeError(
        'ERR_UNKNOWN_NAME',
        `classWeight: there is no class '${shorten(name)}'; there are ${known}`,
      )
    }),
  )
}

/** When to stop early; undefined for never. */
export function checkEarlyStopping(
  given: unknown,
): Required<{ [K in keyof TabularEarlyStopping]: number }> | undefined {
  if (given === undefined || given === false) return undefined
  const argument = 'earlyStopping'
  const options = given === true ? {} : checkOptions(given as TabularEarlyStopping, ['patience', 'minDelta'], argument)
  const { minDelta = 0 } = options
  if (typeof minDelta !== 'number' || !(minDelta >= 0))
    refuse(`${argument}: minDelta`, 'a number of at least 0', minDelta)
  return { patience: checkInteger(options.patience ?? 20, `${argument}: patience`), minDelta }
}

/** The rows per step that a number of rows gets: about a hundred steps an epoch, of 16 to 4096 rows. */
export function batchSizeFor(rows: number): number {
  return 2 ** Math.min(12, Math.max(4, Math.round(Math.log2(Math.max(1, rows) / 100))))
}

/** What the network validates on. */
export function validationOf(data: Table | TableStream, encoding: Encoding): unknown {
  const { target } = encoding
  refuseOnce(data, 'validationData')
  const stream = tablesOf(data, 'validationData')
  if (!isTable(data)) return () => batchesOf(stream, encoding, { batchSize: 1024, seed: undefined })
  const { x, y, sampleWeight } = encodeRows(tableRows(withTargets(data, target.name)), encoding, 'validationData')
  return [x, targetsOf(y, target), ...(sampleWeight === undefined ? [] : [sampleWeight])]
}

/** The share of the rows that is kept for validation where nobody says it: a fifth, of large tables 10,000 rows. */
export function shareFor(rows: number): number {
  return Math.min(0.2, 10_000 / rows)
}
