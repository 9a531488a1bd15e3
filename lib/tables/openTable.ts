/** Reads tables from files in pieces. */

import { isUint8Array } from 'node:util/types'
import { guardArity, refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions } from '../checks/validate.js'
import { toPath } from '../files/paths.js'
import type { ColumnType } from './column.js'
import { checkReading, type ReadTableOptions, readingNames } from './readTable.js'
import { selectedPlaces, type Table, type TableOrigin } from './table.js'

/** Options of {@link openTable}: those of {@link readTable}, and the size of pieces. */
export interface OpenTableOptions extends ReadTableOptions {
  /** How many rows a piece has at most; default 65,536. */
  readonly rowsAtATime?: number | undefined
}

/** A table that stays in its file. Iterating it reads the file from the beginning, as often as that is done. */
export interface TableSource extends AsyncIterable<Table> {
  /** Names and types of the columns, which are those of all pieces. */
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[]
  /** How many rows there are; undefined if options told all types, so that nobody had to count. */
  readonly rows: number | undefined
  /** Where the rows come from. */
  readonly source: Omit<TableOrigin, 'lineOf'>
  /**
   * The same rows with these columns alone, in their order; cells of others are not read.
   *
   * @throws NeurodeError `ERR_UNKNOWN_NAME` for a column that does not exist.
   */
  select(names: readonly string[]): TableSource
}

class Pieces implements TableSource {
  readonly columns: TableSource['columns']
  readonly rows: number | undefined
  readonly source: TableSource['source']
  readonly #read: (places: readonly number[]) => AsyncIterator<Table>
  /** The places of the columns among those that are known of the file. */
  readonly #places: readonly number[]

  constructor(
    { columns, rows, source }: Pick<TableSource, 'columns' | 'rows' | 'source'>,
    read: (places: readonly number[]) => AsyncIterator<Table>,
    places = Array.from(columns.keys()),
  ) {
    this.columns = Object.freeze(columns.map(({ name, type }) => Object.freeze({ name, type })))
    this.rows = rows
    this.source = Object.freeze({ ...source })
    this.#read = read
    this.#places = places
    Object.freeze(this)
  }

  select(names: readonly string[]): TableSource {
    const chosen = selectedPlaces(names, this.columns)
    const columns = chosen.map((place) => this.columns[place] as (typeof this.columns)[number])
    const places = chosen.map((place) => this.#places[place] as number)
    return new Pieces({ columns, rows: this.rows, source: this.source }, this.#read, places)
  }

  [Symbol.asyncIterator](): AsyncIterator<Table> {
    return this.#read(this.#places)
  }
}

guardArity(Pieces.prototype, 'table')

/** Whether a value is a table that {@link openTable} opened. */
export function isTableSource(value: unknown): value is TableSource {
  return value instanceof Pieces
}

/**
 * Opens a table to be read in pieces, in memory that does not grow with the file. The types of columns are those of all cells, as
 * {@link readTable} finds them: the file is read once for them, unless `types` gives those of all columns. Each piece has words of its
 * own, so that codes of texts differ between pieces. A Parquet file is read by its groups of rows, an Arrow file as a whole.
 *
 * @param source - Path of the file, or its bytes.
 * @throws NeurodeError as {@link readTable}; what is wrong with a row may be found when its piece is read.
 *
 * @example
 * ```ts
 * import { openTable } from 'neurode'
 *
 * const rides = await openTable(new TextEncoder().encode('km,fare\n1.5,4\n2,5.5\n9,20\n'), { rowsAtATime: 2 })
 * let sum = 0
 * for await (const piece of rides) for (const { fare } of piece) sum += Number(fare)
 * console.log(rides.rows, sum) // 3 29.5
 * ```
 */
export function openTable(source: string | URL | Uint8Array, given?: OpenTableOptions): Promise<TableSource>
export async function openTable(
  given: string | URL | Uint8Array,
  options?: OpenTableOptions,
  ...more: unknown[]
): Promise<TableSource> {
  refuseMore(more, 2, 'openTable')
  const { rowsAtATime = 65_536, ...reading } = checkOptions(options, [...readingNames, 'rowsAtATime'], 'openTable')
  const most = checkInteger(rowsAtATime, 'openTable: rowsAtATime', 1, 2 ** 30)
  const settings = checkReading(reading, 'openTable')
  const source = isUint8Array(given) ? given.slice() : toPath(given, 'source', 'a path or bytes')
  const { beginOf, sourceOf } = await import('./csv/source.js')
  const { columnarFormat, openColumnar } = await import('./columnar/read.js')
  const format = columnarFormat(await beginOf(sourceOf(source)))
  if (format !== undefined) {
    const { columns, rows, pieces } = await openColumnar(source, format, settings)
    const path = typeof source === 'string' ? source : 'data'
    const origin = { path, delimiter: undefined, decimal: undefined }
    return new Pieces({ columns, rows, source: origin }, (places) => pieces(most, places))
  }
  const { openCsvPieces, piecesOf } = await import('./csv/stream.js')
  const found = await openCsvPieces(sourceOf(source), settings)
  const columns = found.columns.map(({ name, form }) => ({ name, type: form.type }))
  const { file, decimal, rows } = found
  const origin = { path: file.source.name, delimiter: file.head.delimiter, decimal }
  return new Pieces({ columns, rows, source: origin }, (places) =>
    piecesOf({ ...found, columns: chosen(found.columns, places) }, most),
  )
}

function chosen<T>(columns: readonly T[], places: readonly number[]): readonly T[] {
  return places.map((place) => columns[place] as T)
}
