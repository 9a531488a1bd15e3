/** Reads a table in CSV in pieces, as often as is wanted. */

import type { Decimal } from '../../formats/csvNumbers.js'
import { type Column, numberColumn } from '../column.js'
import { type Table, tableOf } from '../table.js'
import {
  type CellRules,
  type ColumnForm,
  canBeBoolean,
  formOf,
  isGap,
  newReading,
  note,
  type Reading,
  readingOfNumbers,
  shownDecimal,
  trimmed,
} from './cells.js'
import { columnOfTexts, numberCells, type Place, readingOf, type Wanted, wrongCell } from './columns.js'
import { guessOf, plainNumbers } from './guess.js'
import { Lines } from './lines.js'
import { NumberCells } from './numberCells.js'
import { type CellReader, endOfCell, RowLines, RowScanner, textOf } from './rows.js'
import { scanAll } from './scan.js'
import {
  type CsvFile,
  checkDecimal,
  keptColumns,
  openCsv,
  originOf,
  readersOf,
  type Settings,
  textCells,
  widthCheck,
} from './settings.js'
import type { ByteSource } from './source.js'
import type { TextCells } from './textCells.js'

/** A column to be read in pieces. */
interface Known extends Wanted {
  readonly form: ColumnForm
}

/** A file whose columns are known. */
export interface CsvPieces {
  readonly file: CsvFile
  readonly columns: readonly Known[]
  readonly decimal: Decimal | undefined
  /** How many rows there are, if they were counted. */
  readonly rows: number | undefined
}

/** Finds out what the columns are, from all cells; where options tell all of it, only the beginning of the file is read. */
export async function openCsvPieces(given: ByteSource, settings: Settings): Promise<CsvPieces> {
  const file = await openCsv(given, settings)
  const { wanted, rules, head } = file
  const isOpen = ({ asked }: Wanted) =>
    asked === undefined ||
    (asked === 'number' && rules.decimal === undefined) ||
    (asked === 'date' && rules.dates === undefined)
  if (!wanted.some(isOpen)) {
    const columns = wanted.map((each) => ({
      ...each,
      form: formOf(newReading(), rules, rules.decimal, '', each.asked),
    }))
    return { file, columns, decimal: rules.decimal, rows: undefined }
  }
  const { readings, rows } = await readAll(file)
  const decimal = rules.decimal ?? shownDecimal(readings)
  checkDecimal(file, readings, decimal)
  const kept = keptColumns(file, (i) => (readings[i] as Reading).can === -1)
  const columns = wanted.map((each, i) => ({
    ...each,
    form: formOf(readings[i] as Reading, rules, decimal, head.delimiter, each.asked),
  }))
  return { file, columns: columns.filter((_, i) => kept[i]), decimal, rows }
}

async function readAll(file: CsvFile): Promise<{ readings: readonly Reading[]; rows: number }> {
  const { rules } = file
  const guesses = file.wanted.map((wanted) => guessOf(file, wanted))
  const cells: NotedCells[] = []
  const columns = guesses.map((guess, i) => ({ place: guess.place, reader: () => cells[i] ?? guess.reader() }))
  // The first part shows with which decimal mark numbers are read.
  const { rows } = await scanAll(file, columns, () => {
    const readings = guesses.map(({ texts }) => readingOf(texts as TextCells, rules))
    const decimal = rules.decimal ?? shownDecimal(readings) ?? '.'
    guesses.forEach((guess, i) => {
      const reading = readings[i] as Reading
      const numbers = canBeBoolean(reading) ? undefined : plainNumbers(guess, decimal, rules)
      cells.push(new NotedCells(reading, numbers, rules))
    })
  })
  return { readings: guesses.map((_, i) => cells[i]?.reading ?? newReading()), rows }
}

/** Notes what the cells of a column are, and keeps none. */
class NotedCells implements CellReader {
  #reading: Reading
  #numbers: NumberCells | undefined
  readonly #rules: CellRules
  readonly #seen = new Set<string>()

  constructor(reading: Reading, first: NumberCells | undefined, rules: CellRules) {
    this.#reading = reading
    this.#rules = rules
    if (first === undefined) return
    this.#numbers = numberCells(first.decimal, rules, { guess: true, asked: false, keeps: false })
    this.#numbers.found = first.found
    this.#numbers.any = first.any
  }

  get reading(): Reading {
    const numbers = this.#numbers
    if (numbers === undefined) return this.#reading
    return numbers.any ? readingOfNumbers(numbers.decimal, numbers.found) : newReading()
  }

  read(row: number, bytes: Uint8Array, start: number, delimiter: number): number {
    const end = this.#numbers?.read(row, bytes, start, delimiter) ?? endOfCell(bytes, start, delimiter)
    if (this.#isLeft()) this.#note(bytes, start, end)
    return end
  }

  set(row: number, bytes: Uint8Array, start: number, end: number): void {
    this.#numbers?.set(row, bytes, start, end)
    if (this.#isLeft()) this.#note(bytes, start, end)
  }

  /** Whether a cell is not among the numbers. */
  #isLeft(): boolean {
    if (this.#numbers === undefined) return true
    if (this.#numbers.failed === undefined) return false
    this.#reading = this.reading
    this.#numbers = undefined
    return true
  }

  #note(bytes: Uint8Array, start: number, end: number): void {
    if (this.#reading.can === 0 || start === end) return
    const cell = textOf(bytes, start, end)
    if (this.#seen.has(cell)) return
    if (this.#seen.size < mostSeen) this.#seen.add(cell)
    const text = trimmed(cell)
    if (!isGap(text, this.#rules)) note(this.#reading, text, this.#rules)
  }
}

const mostSeen = 1000

/** Reads all rows, so many at a time. */
export async function* piecesOf({ file, columns, decimal }: CsvPieces, rowsAtATime: number): AsyncGenerator<Table> {
  const { source, head } = file
  const scanner = new RowScanner(source.name, head.delimiter.charCodeAt(0), head.line)
  const refuse = widthCheck(file)
  const lines = new Lines(source.name, source.chunks())
  try {
    await lines.skip(head.offset)
    for (let expected = 0; ; expected = scanner.rows) {
      const cells = columns.map((each) => cellsOf(each, file))
      for (const each of cells) each.expect(expected)
      const readers = readersOf(file, columns, (i) => cells[i])
      scanner.rows = 0
      scanner.lines = new RowLines()
      while (scanner.rows < rowsAtATime && (await lines.next(scanner.line))) {
        const most = rowsAtATime - scanner.rows
        lines.take(scanner.scan(lines.bytes, 0, lines.to, lines.isLast, readers, most, refuse))
      }
      const { rows } = scanner
      if (rows === 0) return
      const place = { file: source.name, lines: scanner.lines }
      const made = columns.map((each, i) =>
        columnOf(each, cells[i] as NumberCells | TextCells, rows, file.rules, place),
      )
      yield tableOf(made, rows, originOf(file, scanner.lines, rows, decimal))
    }
  } finally {
    await lines[Symbol.asyncDispose]()
  }
}

function cellsOf({ form, asked }: Known, file: CsvFile): NumberCells | TextCells {
  if (form.type !== 'number') return textCells(file)
  return numberCells(form.decimal, file.rules, { guess: false, asked: asked !== undefined })
}

function columnOf(column: Known, cells: NumberCells | TextCells, rows: number, rules: CellRules, place: Place): Column {
  if (!(cells instanceof NumberCells)) return columnOfTexts(column, cells, rows, column.form, rules, place)
  if (cells.failed !== undefined) throw wrongCell(column.name, 'number', cells.failed.text, place, cells.failed.row)
  return numberColumn(column.name, 'number', cells.take(rows))
}
