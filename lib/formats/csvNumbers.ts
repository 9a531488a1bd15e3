/** Converts the cells of a CSV file to numbers. */

import type { NdArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { warn } from '../base/warnings.js'
import { checkOptions, describe, refuse, refuseIdle } from '../checks/validate.js'
import { damaged } from '../files/files.js'

/** The decimal mark of numbers. */
export type Decimal = '.' | ','

/** Options of {@link CsvTable.numbers}. */
export interface CsvNumbersOptions {
  /** The number that replaces a missing cell, which may be `NaN`. Default: a missing cell is an error. */
  readonly missing?: number | undefined
  /** Texts that mark a cell as missing, without the spaces around them; default `''`, `'NA'` and `'NaN'`. */
  readonly missingCells?: readonly string[] | undefined
  /** Type of the elements; default `'float32'`. */
  readonly dtype?: 'float32' | 'float64' | undefined
}

/** {@link CsvNumbersOptions} after they were checked, with defaults filled in. */
export interface NumbersSettings {
  readonly missing: number | undefined
  readonly missingCells: ReadonlySet<string>
  readonly dtype: 'float32' | 'float64'
}

/** Cells, and their lines in the file. */
export interface CsvCells {
  /** What messages call the file: its path, or `data`. */
  readonly name: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly lines: readonly number[]
  readonly decimal: Decimal
}

const usuallyMissing: readonly string[] = ['', 'NA', 'NaN']

export function checkNumbersOptions(given: CsvNumbersOptions | undefined): NumbersSettings {
  const options = checkOptions(given, ['missing', 'missingCells', 'dtype'], 'numbers')
  const { missing, missingCells = usuallyMissing, dtype = 'float32' } = options
  if (missing !== undefined && typeof missing !== 'number') refuse('missing', 'a number or NaN', missing)
  if (!Array.isArray(missingCells) || missingCells.some((cell) => typeof cell !== 'string')) {
    refuse('missingCells', 'texts of cells', missingCells)
  }
  if (dtype !== 'float32' && dtype !== 'float64') refuse('dtype', "'float32' or 'float64'", dtype)
  if (missing === undefined) refuseIdle(options, ['missingCells'], 'numbers', 'without missing, their value')
  return { missing, missingCells: new Set(missingCells.map((cell) => cell.trim())), dtype }
}

const marks: Readonly<Record<Decimal, RegExp>> = {
  '.': /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/,
  ',': /^\s*[+-]?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?\s*$/,
}

/** Longer cells are no numbers: their digits would exceed any double, and matching the pattern would be slow. */
const mostCharacters = 400

/** The cells of columns as an array of shape [rows, columns]. */
export function toNumbers(
  cells: CsvCells,
  places: readonly number[],
  settings: NumbersSettings,
): NdArray<Float32Array | Float64Array> {
  const { rows, decimal } = cells
  const { missing, missingCells, dtype } = settings
  const pattern = marks[decimal]
  const columns = places.length
  const data = dtype === 'float32' ? new Float32Array(rows.length * columns) : new Float64Array(rows.length * columns)
  let rounded: { readonly row: number; readonly place: number } | undefined
  for (let row = 0; row < rows.length; row++) {
    const texts = rows[row] as readonly string[]
    for (let c = 0; c < columns; c++) {
      const place = places[c] as number
      const cell = texts[place] as string
      const at = row * columns + c
      if (cell.length > mostCharacters || !pattern.test(cell)) {
        if (missing === undefined || !missingCells.has(cell.trim())) throw noNumber(cells, row, place, settings)
        data[at] = missing
        continue
      }
      const value = Number(decimal === ',' ? cell.replace(',', '.') : cell)
      data[at] = value
      const kept = data[at] as number
      if (!Number.isFinite(kept)) throw tooLarge(cells, row, place, value)
      if (
        rounded === undefined &&
        (kept !== value || value >= 2 ** 53 || value <= -(2 ** 53)) &&
        isRounded(cell, value)
      ) {
        rounded = { row, place }
      }
    }
  }
  if (rounded !== undefined) warnOfRounding(cells, rounded.row, rounded.place, data, places)
  return Object.freeze(new ShapedArray(data, Object.freeze([rows.length, columns])))
}

/** Whether a number is so large, and written with all its digits, that float32 or float64 rounds neighbouring whole numbers to one. */
function isRounded(cell: string, value: number): boolean {
  return Math.abs(value) >= 2 ** 24 && !/[eE]/.test(cell)
}

function where({ name, header, lines }: CsvCells, row: number, place: number): [name: string, place: string] {
  const column = header[place]
  const isUnique = column !== undefined && column !== '' && header.indexOf(column) === header.lastIndexOf(column)
  const text = isUnique ? `column '${column}'` : `column ${column ? `'${column}' ` : ''}at place ${place}`
  return [name, `line ${lines[row]}, ${text}`]
}

function noNumber(cells: CsvCells, row: number, place: number, { missing, missingCells }: NumbersSettings) {
  const cell = cells.rows[row]?.[place] as string
  const [name, at] = where(cells, row, place)
  const isMissing = missing === undefined && missingCells.has(cell.trim())
  const isComma = cells.decimal === '.' && cell.length <= mostCharacters && marks[','].test(cell)
  const hint = isMissing
    ? '; the option missing replaces such cells: numbers(columns, { missing: NaN })'
    : isComma
      ? "; readCsv(…, { decimal: ',' }) reads decimal commas"
      : ''
  return damaged(name, `${at}: expected a number, got ${describe(cell)}${hint}`)
}

function tooLarge(cells: CsvCells, row: number, place: number, value: number) {
  const [name, at] = where(cells, row, place)
  const cell = describe(cells.rows[row]?.[place])
  if (!Number.isFinite(value)) return damaged(name, `${at}: expected a finite number, got ${cell}`)
  return damaged(name, `${at}: expected a number that float32 holds, got ${cell}; use { dtype: 'float64' }`)
}

function warnOfRounding(
  cells: CsvCells,
  row: number,
  place: number,
  data: Float32Array | Float64Array,
  places: readonly number[],
): void {
  const [name, at] = where(cells, row, place)
  const kept = data[row * places.length + places.indexOf(place)]
  const remedy =
    data instanceof Float32Array ? "numbers(columns, { dtype: 'float64' }) holds whole numbers up to 2^53, " : ''
  const text = `${name}: ${at}: ${cells.rows[row]?.[place]} is rounded to ${kept}, as are neighbouring numbers`
  warn('NEURODE_ROUNDED', `${text}; ${remedy}texts(column) keeps the text`)
}
