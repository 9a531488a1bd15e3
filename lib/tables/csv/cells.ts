/** What the cells of a column can be: numbers, booleans and dates as people write them. */

import type { Decimal } from '../../formats/csvNumbers.js'
import type { ColumnType } from '../column.js'
import { type DateForm, dateForms, dateOf } from './dates.js'

/** How cells are written, as far as it is known. */
export interface CellRules {
  /** The decimal mark; undefined where the cells tell. */
  readonly decimal: Decimal | undefined
  /** The mark between thousands, '' for none; undefined for those that are usual. */
  readonly thousands: string | undefined
  /** The order of days and months in dates with slashes; undefined where the cells tell. */
  readonly dates: 'dmy' | 'mdy' | undefined
  /** Pairs of words for true and false, in lower case. */
  readonly booleans: readonly (readonly [isTrue: string, isFalse: string])[]
  /** Whether the user gave the pairs: one word of a pair is enough then. */
  readonly hasOwnBooleans: boolean
  /** Texts that stand for a gap, without spaces around them. */
  readonly gaps: ReadonlySet<string>
  /** Those of them that are numbers. */
  readonly numericGaps: ReadonlySet<number>
}

/** Words that stand for a gap in a column of any type, besides empty cells and cells of spaces. */
export const usualGaps: readonly string[] = [
  ...['NA', 'N/A', 'n/a', '#N/A', '#NA', '<NA>', 'NaN', 'nan', '-NaN', '-nan', 'null', 'NULL', 'Null', 'None'],
  ...['-', '?', 'k. A.', 'k.A.', 'k. a.', 'n. v.', 'n.v.'],
]

/** Pairs of words for true and false. */
export const usualBooleans: readonly (readonly [isTrue: string, isFalse: string])[] = [
  ...([
    ['true', 'false'],
    ['wahr', 'falsch'],
    ['vrai', 'faux'],
  ] as const),
  ...([
    ['yes', 'no'],
    ['y', 'n'],
    ['ja', 'nein'],
    ['j', 'n'],
    ['oui', 'non'],
    ['si', 'no'],
    ['sí', 'no'],
  ] as const),
]

/** So many of the usual pairs are meant as booleans even where a column holds only one word of them. */
const sureBooleans = 3

/** Bits of what all cells of a column can be. Those of forms of dates and of pairs for booleans follow. */
const asDot = 1
const asComma = 2
const firstForm = 2
const firstPair = firstForm + dateForms.length

/** Bits of what some cell of a column is. */
export const has = {
  /** A number only if a point, or a comma, is the decimal mark. */
  dotOnly: 1,
  commaOnly: 2,
  /** Different numbers with a decimal point and with a decimal comma: 1.234 or 1,234 */
  doubtfulDot: 4,
  doubtfulComma: 8,
  /** Thousands with a space between, as in phone numbers, and digits with a decimal mark, as in none. */
  spaced: 16,
  fraction: 32,
  true: 64,
  false: 128,
} as const

/** What cells of a column are: bits of what all of them can be, and of what any of them is. */
export interface Reading {
  can: number
  has: number
}

/** The reading of a column without cells, which can be anything. */
export const newReading = (): Reading => ({ can: -1, has: 0 })

/** The reading of a column whose cells are numbers with this decimal mark. */
export function readingOfNumbers(decimal: Decimal, found: number): Reading {
  const own = decimal === '.' ? asDot : asComma
  const both = found & (has.dotOnly | has.commaOnly) ? own : asDot | asComma
  return { can: both, has: found }
}

/** Longer cells are no numbers: their digits would exceed any double. */
export const longestNumber = 400
const longestBoolean = 20

const exponent = '(?:[eE][+-]?\\d+)?'
const numbers = (whole: string, decimal: string) =>
  new RegExp(`^[+-]?(?:${whole}(?:\\${decimal}\\d*)?|\\${decimal}\\d+)${exponent}$`)
const grouped = (marks: string, decimal: string) =>
  new RegExp(`^[+-]?[1-9]\\d{0,2}([${marks}])\\d{3}(?:\\1\\d{3})*(?:\\${decimal}\\d+)?$`)
const patternsOf = (decimal: Decimal) => ({
  plain: numbers('(?:0|[1-9]\\d*)', decimal),
  padded: numbers('\\d+', decimal),
  grouped: grouped(`${decimal === '.' ? ',' : '.'} '’\u00a0\u202f`, decimal),
})
const patterns = { '.': patternsOf('.'), ',': patternsOf(',') } as const

/**
 * The number that a text is, or undefined. Digits after zeros, and whole numbers that a double does not hold, are numbers only where
 * these were asked for.
 */
export function numberOf(
  text: string,
  decimal: Decimal,
  thousands: string | undefined,
  isAskedFor = false,
): number | undefined {
  if (text.length > longestNumber) return undefined
  const { plain, padded, grouped } = patterns[decimal]
  let digits = text
  if (!(isAskedFor ? padded : plain).test(text)) {
    const [, mark] = grouped.exec(text) ?? []
    if (mark === undefined || (thousands !== undefined && mark !== thousands)) return undefined
    digits = text.replaceAll(mark, '')
  }
  const value = Number(decimal === ',' ? digits.replace(',', '.') : digits)
  if (!Number.isFinite(value)) return undefined
  return isAskedFor || Math.abs(value) <= Number.MAX_SAFE_INTEGER || !/^[+-]?\d+$/.test(digits) ? value : undefined
}

/** A cell without spaces and tabs around it; line ends are part of a cell. */
export function trimmed(cell: string): string {
  return /^[ \t\u00a0]|[ \t\u00a0]$/.test(cell) ? cell.replace(/^[ \t\u00a0]+|[ \t\u00a0]+$/g, '') : cell
}

/** Whether a text without the spaces around it stands for a gap. */
export function isGap(text: string, { gaps }: CellRules): boolean {
  return text === '' || gaps.has(text)
}

/** Notes what a cell is: a text that is no gap, without spaces around it. */
export function note(reading: Reading, text: string, rules: CellRules): void {
  let can = 0
  const code = text.charCodeAt(0)
  const isNumeric = code >= 43 && code <= 57
  if (isNumeric && reading.can & (asDot | asComma)) can |= noteNumber(reading, text, rules)
  for (let i = 0; isNumeric && i < dateForms.length; i++) {
    const bit = 1 << (firstForm + i)
    if (reading.can & bit && !Number.isNaN(dateOf(text, dateForms[i] as DateForm))) can |= bit
  }
  if (reading.can >> firstPair && text.length <= longestBoolean) can |= noteBoolean(reading, text, rules)
  reading.can &= can
}

function noteNumber(reading: Reading, text: string, { thousands }: CellRules): number {
  const dot = numberOf(text, '.', thousands)
  const comma = numberOf(text, ',', thousands)
  if (dot !== undefined && comma === undefined) reading.has |= has.dotOnly
  else if (dot === undefined && comma !== undefined) reading.has |= has.commaOnly
  else if (dot !== comma) reading.has |= text.includes('.') ? has.doubtfulDot : has.doubtfulComma
  if (text.includes(' ')) reading.has |= has.spaced
  if (/[.,]/.test(text)) reading.has |= has.fraction
  return (dot === undefined ? 0 : asDot) | (comma === undefined ? 0 : asComma)
}

function noteBoolean(reading: Reading, text: string, { booleans }: CellRules): number {
  const word = text.toLowerCase()
  let can = 0
  for (let i = 0; i < booleans.length; i++) {
    const [isTrue, isFalse] = booleans[i] as readonly [string, string]
    if (word !== isTrue && word !== isFalse) continue
    can |= 1 << (firstPair + i)
    reading.has |= word === isTrue ? has.true : has.false
  }
  return can
}

/** What a column is, and how its cells are written. */
export type ColumnForm =
  | { readonly type: 'number'; readonly decimal: Decimal }
  | { readonly type: 'text' | 'boolean' }
  | { readonly type: 'date'; readonly form: DateForm | undefined }

/** The decimal mark that most of the columns with numbers show; undefined if none shows any. */
export function shownDecimal(readings: readonly Reading[]): Decimal | undefined {
  let dots = 0
  let commas = 0
  for (const { can, has: found } of readings) {
    if (can & asDot && found & has.dotOnly) dots++
    if (can & asComma && found & has.commaOnly) commas++
  }
  return commas > dots ? ',' : dots > 0 ? '.' : undefined
}

/**
 * What a column is. Where nothing in the file shows which mark is the decimal one, numbers such as 1,234 stay text, and such as 1.234
 * too unless commas stand between cells: to take one for the other would change values in silence.
 */
export function formOf(
  reading: Reading,
  rules: CellRules,
  shown: Decimal | undefined,
  delimiter: string,
  asked: ColumnType | undefined,
): ColumnForm {
  const { can } = reading
  const decimal = shown ?? '.'
  if (asked === 'number') return { type: asked, decimal }
  if (asked === 'text' || asked === 'boolean') return { type: asked }
  const form = dateFormOf(can, rules)
  if (asked === 'date') return { type: asked, form }
  if (rules.hasOwnBooleans && canBeBoolean(reading)) return { type: 'boolean' }
  if (can & (decimal === '.' ? asDot : asComma) && isCertain(reading.has, shown, delimiter)) {
    return { type: 'number', decimal }
  }
  if (canBeBoolean(reading) && isBoolean(reading)) return { type: 'boolean' }
  return form === undefined ? { type: 'text' } : { type: 'date', form }
}

function isCertain(found: number, shown: Decimal | undefined, delimiter: string): boolean {
  if (found & has.spaced && !(found & has.fraction)) return false
  return !isDoubtful(found, shown, delimiter)
}

/** Whether nothing in the file shows if a mark of numbers is the decimal one or one between thousands. */
export function isDoubtful(found: number, shown: Decimal | undefined, delimiter: string): boolean {
  if (shown !== undefined) return false
  return (found & has.doubtfulComma) !== 0 || (delimiter !== ',' && (found & has.doubtfulDot) !== 0)
}

/** Whether all cells are words of a pair for true and false. */
export function canBeBoolean({ can }: Reading): boolean {
  return can > 0 && can >> firstPair > 0
}

/** Whether words of the usual pairs mean true and false. */
function isBoolean({ can, has: found }: Reading): boolean {
  return (found & has.true && found & has.false) !== 0 || ((can >> firstPair) & ((1 << sureBooleans) - 1)) !== 0
}

/** The form in which all cells are dates; undefined if there is none, or if day and month cannot be told apart. */
function dateFormOf(can: number, { dates }: CellRules): DateForm | undefined {
  const forms = dateForms.filter((_, i) => can & (1 << (firstForm + i)))
  const [sure] = forms.filter(({ order }) => order === undefined || dates === order)
  return sure ?? (forms.length === 1 && dates === undefined ? forms[0] : undefined)
}

/** Whether a word stands for true or false in a column of which booleans are asked for; undefined if for neither. */
export function booleanOf(text: string, { booleans }: Pick<CellRules, 'booleans'>): boolean | undefined {
  const word = text.toLowerCase()
  for (const [isTrue, isFalse] of booleans) {
    if (word === isTrue) return true
    if (word === isFalse) return false
  }
  return word === '1' ? true : word === '0' ? false : undefined
}

/** The date that a text is in a column of which dates are asked for; NaN for any other text. */
export function askedDateOf(text: string, form: DateForm | undefined, { dates }: CellRules): number {
  if (form !== undefined) return dateOf(text, form)
  for (const each of dateForms) {
    const value = each.order === undefined || each.order === dates ? dateOf(text, each) : Number.NaN
    if (!Number.isNaN(value)) return value
  }
  return Number.NaN
}
