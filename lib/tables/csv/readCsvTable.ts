/** Reads a table in CSV as a whole. Types are guessed from all cells. */

import type { Decimal } from '../../formats/csvNumbers.js'
import { type Column, numberColumn } from '../column.js'
import { type Table, tableOf } from '../table.js'
import {
  type CellRules,
  canBeBoolean,
  formOf,
  newReading,
  type Reading,
  readingOfNumbers,
  shownDecimal,
} from './cells.js'
import { columnOfTexts, numberCells, readingOf } from './columns.js'
import { type Guess, guessOf, plainNumbers } from './guess.js'
import type { NumberCells } from './numberCells.js'
import { scanAll } from './scan.js'
import { checkDecimal, keptColumns, openCsv, originOf, type Settings } from './settings.js'
import type { ByteSource } from './source.js'
import type { TextCells } from './textCells.js'

/** Reads a table. Columns whose first rows let one expect other types than they have are read again. */
export async function readCsvTable(given: ByteSource, settings: Settings): Promise<Table> {
  const file = await openCsv(given, settings)
  const { rules } = file
  const guesses = file.wanted.map((wanted) => guessOf(file, wanted))
  const scanner = await scanAll(file, guesses, (rows, expected) => {
    startNumbers(guesses, rows, rules)
    for (const { numbers, texts } of guesses) (numbers ?? texts)?.expect(expected)
  })
  let shown: Decimal | undefined
  for (let again = guesses; again.length > 0; ) {
    for (const guess of guesses) guess.reading ??= readingOfGuess(guess, rules)
    shown = rules.decimal ?? shownDecimal(guesses.map(({ reading }) => reading ?? newReading()))
    again = guesses.filter((guess) => mustBeTexts(guess, rules, shown, file.head.delimiter))
    if (again.length === 0) break
    for (const guess of again) {
      Object.assign(guess, guessOf(file, guess))
      guess.texts?.expect(scanner.rows)
    }
    await scanAll(file, again)
  }
  checkDecimal(
    file,
    guesses.map(({ reading }) => reading),
    shown,
  )
  const { rows, lines } = scanner
  const columns = guesses.map((guess): Column => {
    const form = formOf(guess.reading as Reading, rules, shown, file.head.delimiter, guess.asked)
    if (guess.numbers !== undefined) return numberColumn(guess.name, 'number', guess.numbers.take(rows))
    const texts = guess.texts as TextCells
    guess.texts = undefined
    return columnOfTexts(guess, texts, rows, form, rules, { file: file.source.name, lines })
  })
  const kept = keptColumns(file, (i) => columns[i]?.missing === rows)
  return tableOf(
    columns.filter((_, i) => kept[i]),
    rows,
    originOf(file, lines, rows, shown),
  )
}

/** Lets columns whose first cells are all plain numbers go on as numbers. */
function startNumbers(guesses: readonly Guess[], rows: number, rules: CellRules): void {
  const open = guesses.filter(({ asked }) => asked === undefined || asked === 'number')
  const readings = open.map(({ texts }) => readingOf(texts as TextCells, rules))
  const decimal = rules.decimal ?? shownDecimal(readings) ?? '.'
  open.forEach((guess, i) => {
    const reading = readings[i] as Reading
    const mayBe = guess.asked === 'number' || (reading.can > 0 && !canBeBoolean(reading))
    if (mayBe) guess.numbers = numbersFrom(guess, rows, decimal, rules)
    if (guess.numbers !== undefined) guess.texts = undefined
  })
}

function numbersFrom(guess: Guess, rows: number, decimal: Decimal, rules: CellRules): NumberCells | undefined {
  const texts = guess.texts as TextCells
  const each = plainNumbers(guess, decimal, rules)
  if (each === undefined) return undefined
  const values = each.take(texts.count)
  const numbers = numberCells(decimal, rules, { guess: true, asked: guess.asked === 'number' })
  numbers.found = each.found
  numbers.any = each.any
  const codes = texts.takeCodes(rows)
  for (let row = 0; row < rows; row++) numbers.setValue(row, values[codes[row] as number] as number)
  return numbers
}

function readingOfGuess({ numbers, texts }: Guess, rules: CellRules): Reading | undefined {
  if (numbers === undefined) return readingOf(texts as TextCells, rules)
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
