/** Makes columns of the cells of a file: what they are, and then their values. */

import { NeurodeError } from '../../base/errors.js'
import { describe } from '../../checks/validate.js'
import type { Decimal } from '../../formats/csvNumbers.js'
import { type Column, type ColumnType, numberColumn, textColumn } from '../column.js'
import { printable } from '../table.js'
import {
  askedDateOf,
  booleanOf,
  type CellRules,
  type ColumnForm,
  isGap,
  newReading,
  note,
  numberOf,
  type Reading,
  trimmed,
} from './cells.js'
import { NumberCells } from './numberCells.js'
import type { RowLines } from './rows.js'
import type { TextCells } from './textCells.js'

/** A column of a file that is wanted. */
export interface Wanted {
  readonly name: string
  /** Its place among the columns of the file. */
  readonly place: number
  /** Its type, where the user gives one. */
  readonly asked: ColumnType | undefined
}

/** What messages need to say where a cell stands. */
export interface Place {
  readonly file: string
  readonly lines: RowLines
}

/** What the texts of a column are. */
export function readingOf(cells: TextCells, rules: CellRules): Reading {
  const reading = newReading()
  for (let i = 0; i < cells.count && reading.can !== 0; i++) {
    const text = trimmed(cells.word(i))
    if (!isGap(text, rules)) note(reading, text, rules)
  }
  return reading
}

/** Cells of a column of numbers. Where its form is a guess, those with marks between thousands are left to another reading. */
export function numberCells(
  decimal: Decimal,
  rules: CellRules,
  how: { guess: boolean; asked: boolean; keeps?: boolean | undefined },
) {
  const others = (text: string) => {
    if (isGap(text, rules)) return Number.NaN
    return numberOf(text, decimal, how.guess ? '' : rules.thousands, how.asked)
  }
  return new NumberCells(decimal, others, rules.numericGaps, how.keeps)
}

/** Turns texts that were read into the values of a column. */
export function columnOfTexts(
  { name, asked }: Wanted,
  cells: TextCells,
  rows: number,
  form: ColumnForm,
  rules: CellRules,
  place: Place,
): Column {
  const codes = cells.takeCodes(rows)
  const words = cells.words()
  if (form.type === 'text')
    return withoutGaps(name, codes, words, (word, i) => !cells.kept.has(i) && isGap(trimmed(word), rules))
  const convert = converterOf(form, rules, asked !== undefined)
  const values = new Float64Array(words.length)
  for (const [i, word] of words.entries()) {
    const text = trimmed(word)
    const value = isGap(text, rules) ? Number.NaN : convert(text)
    if (value === undefined) throw wrongCell(name, form.type, word, place, codes.indexOf(i))
    values[i] = value
  }
  const each = new Float64Array(rows)
  for (let row = 0; row < rows; row++) each[row] = values[codes[row] as number] as number
  return numberColumn(name, form.type, each)
}

function converterOf(
  form: Exclude<ColumnForm, { type: 'text' }>,
  rules: CellRules,
  isAskedFor: boolean,
): (text: string) => number | undefined {
  if (form.type === 'number') return (text) => numberOf(text, form.decimal, rules.thousands, isAskedFor)
  if (form.type === 'boolean') {
    return (text) => {
      const value = booleanOf(text, rules)
      return value === undefined ? undefined : Number(value)
    }
  }
  return (text) => {
    const value = askedDateOf(text, 'form' in form ? form.form : undefined, rules)
    return Number.isNaN(value) ? undefined : value
  }
}

/** A column of texts in which those that stand for a gap are one. */
function withoutGaps(
  name: string,
  codes: Int32Array,
  words: readonly string[],
  isGapAt: (word: string, place: number) => boolean,
): Column {
  const kept: string[] = []
  const places = Int32Array.from(words, (word, i) => (isGapAt(word, i) ? -1 : kept.push(word) - 1))
  if (kept.length < words.length)
    for (let row = 0; row < codes.length; row++) codes[row] = places[codes[row] as number] as number
  return textColumn(name, codes, kept)
}

const nouns: Readonly<Record<ColumnType, string>> = {
  number: 'a number',
  boolean: 'true or false',
  date: 'a date',
  text: 'a text',
}

/** The error for a cell of another type than its column has. */
export function wrongCell(
  name: string,
  type: ColumnType,
  cell: string,
  { file, lines }: Place,
  row: number,
): NeurodeError {
  const where = `${file}: line ${lines.lineOf(row)}, column '${printable(name)}'`
  return new NeurodeError('ERR_FILE_FORMAT', `${where}: expected ${nouns[type]}, got ${describe(cell)}`)
}
