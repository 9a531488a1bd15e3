/** Reads what preprocessing layers are called on: texts or numbers of any shape, also as the column of a table. */

import { elementCount, formatShape, isNdArray, type NdArray, type NumericArray, read } from '../arrays/arrays.js'
import { hintFor, isNumericArray } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { describe, refuse } from '../checks/validate.js'

/** A column of texts: for each row the place of its text in `words`; -1 is a gap. */
export interface TextCells {
  readonly type: 'text'
  readonly codes: Int32Array
  readonly words: readonly string[]
}

/** A column of numbers, of booleans as 0 and 1, or of dates in milliseconds; `NaN` is a gap. */
export interface NumberCells {
  readonly type: 'number' | 'boolean' | 'date'
  readonly values: Float64Array
}

/** A text, or nested lists of texts; `null` is a gap. */
export type NestedTexts = string | null | readonly NestedTexts[]

/** Texts: one, nested lists of them, a list with a shape, or the column of a table; one of numbers is refused at the call. */
export type TextInput =
  | NestedTexts
  | { readonly data: readonly (string | null)[]; readonly shape: readonly number[] }
  | TextCells
  | NumberCells

/** A number, or nested lists of numbers; `null` and `NaN` are gaps. */
export type NestedCells = number | boolean | null | NumericArray | readonly NestedCells[]

/** Numbers: one, nested lists of them, a typed array, an array with a shape, or the column of a table; texts are refused at the call. */
export type NumberInput = NestedCells | NdArray | NumberCells | TextCells

/** Texts as they were given, row-major, or the words of a column and where they are. A gap is null, or the code -1. */
export interface Texts {
  readonly words: readonly (string | null)[]
  readonly codes?: Int32Array | undefined
  readonly shape: readonly number[]
}

/** Numbers, row-major; a gap is NaN. */
export interface Numbers {
  readonly values: Float64Array
  readonly shape: readonly number[]
}

export function isTextCells(value: unknown): value is TextCells {
  const { type, codes, words } = (typeof value === 'object' && value !== null ? value : {}) as Partial<TextCells>
  return type === 'text' && codes instanceof Int32Array && Array.isArray(words)
}

export function isNumberCells(value: unknown): value is NumberCells {
  const { type, values } = (typeof value === 'object' && value !== null ? value : {}) as Partial<NumberCells>
  return (type === 'number' || type === 'boolean' || type === 'date') && values instanceof Float64Array
}

/** Reads texts. Throws `ERR_ARGUMENT` for anything else, `ERR_SHAPE` for lists of unequal lengths and for none at all. */
export function readTexts(value: unknown, argument: string): Texts {
  if (isTextCells(value)) {
    checkSome([value.codes.length], argument)
    return { words: value.words, codes: value.codes, shape: [value.codes.length] }
  }
  if (isNumberCells(value)) return refuseColumn(value, argument, 'texts')
  const { items, shape } = isFlat(value) ? ofFlat(value, argument) : ofNested(value, argument)
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (typeof item !== 'string') items[i] = gapOr(item, 'a text', () => placeOf(argument, shape, i))
  }
  return { words: items as (string | null)[], shape }
}

/** Reads numbers in double precision. Throws as {@link readTexts} does, and `ERR_DTYPE` for arrays of other things. */
export function readNumbers(value: unknown, argument: string): Numbers {
  if (isNumberCells(value)) {
    checkSome([value.values.length], argument)
    return { values: value.values, shape: [value.values.length] }
  }
  if (isTextCells(value)) return refuseColumn(value, argument, 'numbers')
  if (isNumericArray(value) || isNdArray(value)) {
    const { elements, shape, scale, offset } = read(value, argument)
    checkSome(shape, argument)
    const values = Float64Array.from(elements)
    if (scale !== 1 || offset !== 0) for (const [i, each] of values.entries()) values[i] = each * scale + offset
    return { values, shape }
  }
  const { items, shape } = ofNested(value, argument)
  const values = new Float64Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    const isNumber = typeof item === 'number' || typeof item === 'boolean'
    values[i] = isNumber ? Number(item) : gapOr(item, 'a number', () => placeOf(argument, shape, i), Number.NaN)
  }
  return { values, shape }
}

/** The same in memory that the caller does not have. Lists were copied as they were read. */
export function owned<T extends Texts | Numbers>(given: T): T {
  if ('words' in given) return given.codes === undefined ? given : { ...given, codes: given.codes.slice() }
  return { ...given, values: given.values.slice() }
}

/** Reads texts or numbers, whatever the first value is; booleans are the texts `true` and `false`. */
export function readEither(value: unknown, argument: string): Texts | Numbers {
  if (isTextCells(value)) return readTexts(value, argument)
  if (isNumberCells(value) || isNumericArray(value) || isNdArray(value)) return readNumbers(value, argument)
  const { items, shape } = isFlat(value) ? ofFlat(value, argument) : ofNested(value, argument)
  const first = items.find((item) => item !== null && item !== undefined)
  if (isNumericArray(first) || typeof first === 'number') return readNumbers(value, argument)
  if (typeof first !== 'boolean') return readTexts({ data: items, shape }, argument)
  const words = items.map((item, i) =>
    typeof item === 'boolean' ? String(item) : gapOr(item, 'a boolean', () => placeOf(argument, shape, i)),
  )
  return { words, shape }
}

/** Reads whole numbers; `as` tells what they are. Gaps stay NaN. */
export function readIntegers(value: unknown, argument: string, as = 'a whole number'): Numbers {
  const numbers = readNumbers(value, argument)
  checkIntegers(numbers, argument, as)
  return numbers
}

/** Throws `ERR_ARGUMENT` for a number that is no gap and not whole, or that a double does not hold exactly. */
export function checkIntegers({ values, shape }: Numbers, argument: string, as = 'a whole number'): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (Number.isSafeInteger(value) || Number.isNaN(value)) continue
    const remedy = Number.isInteger(value) ? ', of at most 2^53 - 1; larger ones can be texts' : ''
    refuse(placeOf(argument, shape, i), `${as}${remedy}`, value)
  }
}

function gapOr(item: unknown, expected: string, place: () => string): null
function gapOr<T>(item: unknown, expected: string, place: () => string, gap: T): T
function gapOr(item: unknown, expected: string, place: () => string, gap: unknown = null): unknown {
  if (item === null || item === undefined) return gap
  if (!Array.isArray(item)) return refuse(place(), `${expected}${hintFor(item)}`, item)
  throw new NeurodeError('ERR_SHAPE', `${place()}: expected ${expected}, as its neighbours are, got ${describe(item)}`)
}

/** The name of an element in messages: `x[2][0]`. */
export function placeOf(argument: string, shape: readonly number[], at: number): string {
  let place = ''
  let left = at
  for (const size of shape.toReversed()) {
    place = `[${left % size}]${place}`
    left = Math.floor(left / size)
  }
  return argument + place
}

function refuseColumn({ type }: TextCells | NumberCells, argument: string, expected: string): never {
  const text = `${argument}: expected a column of ${expected}, got one of type '${type}'`
  throw new NeurodeError('ERR_ARGUMENT', text)
}

function checkSome(shape: readonly number[], argument: string): void {
  if (elementCount(shape) > 0) return
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected at least one value, got shape ${formatShape(shape)}`)
}

type Items = { readonly items: unknown[]; readonly shape: readonly number[] }

function isFlat(value: unknown): value is { readonly data: readonly unknown[]; readonly shape: readonly unknown[] } {
  if (typeof value !== 'object' || value === null || !('data' in value && 'shape' in value)) return false
  return Array.isArray(value.data) && Array.isArray(value.shape)
}

function ofFlat({ data, shape }: { data: readonly unknown[]; shape: readonly unknown[] }, argument: string): Items {
  const sizes = shape.map((size, i) =>
    Number.isSafeInteger(size) && (size as number) >= 0
      ? (size as number)
      : refuse(`${argument}.shape[${i}]`, 'a size, an integer of at least 0', size),
  )
  if (elementCount(sizes) !== data.length) {
    const got = `got shape ${formatShape(sizes)}`
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected the shape of ${data.length} values, ${got}`)
  }
  checkSome(sizes, argument)
  return { items: Array.from(data), shape: sizes }
}

const mostLevels = 32

function ofNested(value: unknown, argument: string): Items {
  const shape: number[] = []
  for (let level = value; Array.isArray(level) || isNumericArray(level); level = level[0]) {
    shape.push(level.length)
    if (shape.length > mostLevels) throw new NeurodeError('ERR_SHAPE', `${argument}: expected at most 32 dimensions`)
  }
  checkSome(shape, argument)
  const items: unknown[] = []
  const visit = (level: unknown, depth: number): void => {
    if (depth === shape.length) {
      items.push(level)
      return
    }
    const size = shape[depth] as number
    const isList = Array.isArray(level) || isNumericArray(level)
    if (!isList || level.length !== size) {
      const got = isList ? `${level.length}` : describe(level)
      const place = placeOf(argument, shape.slice(0, depth), items.length / elementCount(shape.slice(depth)))
      throw new NeurodeError('ERR_SHAPE', `${place}: expected ${size} values as in the first list, got ${got}`)
    }
    if (depth === shape.length - 1) for (let i = 0; i < size; i++) items.push(level[i])
    else for (let i = 0; i < size; i++) visit(level[i], depth + 1)
  }
  visit(value, 0)
  return { items, shape }
}

/** An integer for each text, at most `most`; the words of a column are asked once. */
export function mapTexts({ words, codes, shape }: Texts, most: number, of: (word: string | null) => number): Indices {
  const count = codes?.length ?? words.length
  const values = most < 2 ** 31 ? new Int32Array(count) : new Float64Array(count)
  if (codes === undefined) {
    for (let i = 0; i < count; i++) values[i] = of(words[i] as string | null)
    return { values, shape }
  }
  const known = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const code = codes[i] as number
    let value = known.get(code)
    if (value === undefined) {
      value = of(words[code] ?? null)
      known.set(code, value)
    }
    values[i] = value
  }
  return { values, shape }
}

/** An integer for each number, at most `most`. */
export function mapNumbers({ values: from, shape }: Numbers, most: number, of: (value: number) => number): Indices {
  const values = most < 2 ** 31 ? new Int32Array(from.length) : new Float64Array(from.length)
  for (let i = 0; i < from.length; i++) values[i] = of(from[i] as number)
  return { values, shape }
}

/** Integers, row-major. */
export interface Indices {
  readonly values: Int32Array | Float64Array
  readonly shape: readonly number[]
}
