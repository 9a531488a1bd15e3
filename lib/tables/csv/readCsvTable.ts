/** Reads a table in CSV as a whole. Types are guessed from all cells. */

import { type Column, numberColumn } from '../column.js'
import { type Table, tableOf } from '../table.js'
import {
  type CellRules,
  canBeBoolean,
  type Decimal,
  formOf,
  newReading,
  type Reading,
  readingOfNumbers,
  shownDecimal,
} from './cells.js'
import { columnOfTexts, numberCells, readingOf, type Wanted } from './columns.js'
import { Lines } from './lines.js'
import type { NumberCells } from './numberCells.js'
import { type CellReader, RowScanner } from './rows.js'
import { type CsvFile, named, openCsv, originOf, type Settings, widthCheck } from './settings.js'
import type { ByteSource } from './source.js'
import { TextCells } from './textCells.js'

/** A column while it is read: texts at first, and numbers as long as that is what they are. */
export interface Guess extends Wanted {
  texts: TextCells | undefined
  numbers: NumberCells | undefined
  reading: Reading | undefined
}

/** Reads a table. Columns whose first rows let one expect other types than they have are read again. */
export async function readCsvTable(given: ByteSource, settings: Settings): Promise<Table> {
  const file = await openCsv(given, settings)
  const { rules } = file
  const guesses = file.wanted.map(guessOf)
  const scanner = await scanAll(file, guesses, (rows) => startNumbers(guesses, rows, rules))
  let shown: Decimal | undefined
  for (let again = guesses; again.length > 0; ) {
    for (const guess of guesses) guess.reading ??= readingOfGuess(guess, rules)
    shown = rules.decimal ?? shownDecimal(guesses.map(({ reading }) => reading ?? newReading()))
    again = guesses.filter((guess) => mustBeTexts(guess, rules, shown, file.head.delimiter))
    if (again.length === 0) break
    for (const guess of again) Object.assign(guess, guessOf(guess))
    await scanAll(file, again)
  }
  const { rows, lines } = scanner
  const columns = guesses.map((guess): Column => {
    const form = formOf(guess.reading as Reading, rules, shown, file.head.delimiter, guess.asked)
    if (guess.numbers !== undefined) return numberColumn(guess.name, 'number', guess.numbers.take(rows))
    const texts = guess.texts as TextCells
    guess.texts = undefined
    return columnOfTexts(guess, texts, rows, form, rules, { file: file.source.name, lines })
  })
  return tableOf(named(columns, file, rows), rows, originOf(file, lines, rows, shown))
}

export function guessOf({ name, place, asked }: Wanted): Guess {
  return { name, place, asked, texts: new TextCells(), numbers: undefined, reading: undefined }
}

/** Reads all rows into columns. `afterFirst` is called with the number of rows once those of the first part are there. */
async function scanAll(
  file: CsvFile,
  guesses: readonly Guess[],
  afterFirst?: (rows: number) => void,
): Promise<RowScanner> {
  const { source, head } = file
  const scanner = new RowScanner(source.name, head.delimiter.charCodeAt(0), head.line)
  const readers = new Array<CellReader | undefined>(head.names.length).fill(undefined)
  const refuse = widthCheck(file)
  const lines = new Lines(source.name, source.chunks())
  try {
    await lines.skip(head.offset)
    for (let part = 0; await lines.next(scanner.line); part++) {
      for (const { place, texts, numbers } of guesses) readers[place] = numbers ?? texts
      lines.take(scanner.scan(lines.bytes, 0, lines.to, lines.isLast, readers, Number.POSITIVE_INFINITY, refuse))
      if (part === 0) afterFirst?.(scanner.rows)
    }
  } finally {
    await lines[Symbol.asyncDispose]()
  }
  return scanner
}

/** Lets columns whose first cells are all plain numbers go on as numbers. */
export function startNumbers(guesses: readonly Guess[], rows: number, rules: CellRules): Decimal {
  const open = guesses.filter(({ asked }) => asked === undefined || asked === 'number')
  const readings = open.map(({ texts }) => readingOf((texts as TextCells).words(), rules))
  const decimal = rules.decimal ?? shownDecimal(readings) ?? '.'
  open.forEach((guess, i) => {
    const reading = readings[i] as Reading
    const mayBe = guess.asked === 'number' || (reading.can > 0 && !canBeBoolean(reading))
    if (mayBe) guess.numbers = numbersFrom(guess, rows, decimal, rules)
    if (guess.numbers !== undefined) guess.texts = undefined
  })
  return decimal
}

function numbersFrom(guess: Guess, rows: number, decimal: Decimal, rules: CellRules): NumberCells | undefined {
  const texts = guess.texts as TextCells
  const how = { guess: true, asked: guess.asked !== undefined }
  const each = numberCells(decimal, rules, how)
  for (const [i, word] of texts.words().entries()) each.set(i, Buffer.from(`${word}"`), 0, Buffer.byteLength(word))
  if (each.failed !== undefined) return undefined
  const values = each.take(texts.count)
  const numbers = numberCells(decimal, rules, how)
  numbers.found = each.found
  numbers.any = each.any
  const codes = texts.takeCodes(rows)
  for (let row = 0; row < rows; row++) numbers.setValue(row, values[codes[row] as number] as number)
  return numbers
}

function readingOfGuess({ numbers, texts }: Guess, rules: CellRules): Reading | undefined {
  if (numbers === undefined) return readingOf((texts as TextCells).words(), rules)
  return numbers.failed === undefined ? readingOfNumbers(numbers.decimal, numbers.found) : undefined
}

/** Whether a column that was read as numbers has other cells, or numbers with another decimal mark. */
function mustBeTexts(
  { numbers, reading, asked }: Guess,
  rules: CellRules,
  shown: Decimal | undefined,
  delimiter: string,
): boolean {
  if (numbers === undefined) return false
  if (reading === undefined) return true
  const form = formOf(reading, rules, shown, delimiter, asked)
  return form.type !== 'number' || (form.decimal !== numbers.decimal && numbers.found !== 0)
}
