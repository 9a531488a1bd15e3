/** Checks of options and names, with messages that say what was expected and what came. */

import { NeurodeError } from '../base/errors.js'
import { type Asked, answerFor } from '../foreignNames/answers.js'
import { is } from '../foreignNames/rows.js'

/** Options, or a number alone that stands for the one of that name. */
export function withMain<T extends object | undefined>(given: number | T, name: keyof NonNullable<T>): T {
  return typeof given === 'number' ? ({ [name]: given } as T) : given
}

/** What came, in a few words, for the end of an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return String(value)
  if (typeof value === 'bigint') return `${shorten(String(value))}n`
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  const { constructor: type, [Symbol.toStringTag]: tag } = value as Partial<Record<symbol, string>> & object
  const name = (type as { readonly name?: string } | undefined)?.name || tag
  return name && name !== 'Object' ? withArticle(name) : 'an object'
}

/** `an ArrayBuffer`, but `a Uint8Array` and `a URL`. */
function withArticle(name: string): string {
  return /^[aeio]/i.test(name) ? `an ${name}` : `a ${name}`
}

/** Throws `ERR_ARGUMENT`: "batchSize: expected a positive integer, got -3". */
export function refuse(argument: string, expected: string, got: unknown): never {
  // Nobody else will hear what a promise that is refused rejects with.
  if (isPromise(got)) got.then(undefined, () => {})
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected ${expected}, got ${describe(got)}`)
}

/** One spelling for camelCase, snake_case and kebab-case; no name that is known is longer than what is looked at. */
export function normalize(name: string): string {
  return name.slice(0, 200).replace(/[_-]/g, '').toLowerCase()
}

/** What names stand for, under any spelling, and the names to suggest. */
export interface NameTable<T> {
  readonly ids: ReadonlyMap<string, T>
  readonly names: readonly string[]
  /** What others may call by another name. */
  readonly asked?: Asked | undefined
}

/** The table of ids and their aliases. */
export function nameTable<T extends string>(
  ids: readonly T[],
  aliases: (id: T) => readonly string[],
  asked?: Asked,
): NameTable<T> {
  const spellings = ids.flatMap((id) => [id, ...aliases(id)].map((name) => [name, id] as const))
  return {
    ids: new Map(spellings.map(([name, id]) => [normalize(name), id])),
    names: spellings.map(([name]) => name),
    asked,
  }
}

/** The id that a name stands for; `ERR_UNKNOWN_NAME` with the nearest names when there is none. */
export function lookUp<T>({ ids, names, asked }: NameTable<T>, name: unknown, argument: string): T {
  if (typeof name !== 'string')
    return refuse(argument, `a name (${names.slice(0, 3).join(', ')}, …) or an object`, name)
  const found = ids.get(normalize(name))
  if (found !== undefined) return found
  const answer = asked && answerFor(asked, normalize(name))
  const got = `got ${describe(name)}${answer ? `; ${answer}` : suggest(name, names)}`
  throw new NeurodeError('ERR_UNKNOWN_NAME', `${argument}: expected a known name, ${got}`)
}

const mostNames = 100
const mostCompared = 10_000

/** Texts of others come into messages, and are compared, to this length. */
const longestText = 60

/** The beginning of a text that may be long. */
export function shorten(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 3)}...` : text
}

/** "; did you mean 'relu' or 'relu6'?", or the names where none is near. */
export function suggest(name: string, names: readonly string[]): string {
  const wanted = normalize(name.slice(0, longestText))
  const near = names
    .filter((candidate) => candidate.length <= longestText)
    .slice(0, mostCompared)
    .map((candidate) => ({ candidate, distance: distanceTo(wanted, normalize(candidate)) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.min(wanted.length, candidate.length) * 0.4))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => `'${candidate}'`)
  if (near.length > 0) return `; did you mean ${near.join(' or ')}?`
  if (names.length === 0) return ''
  const more = names.length > mostNames ? `, … (${names.length})` : ''
  return `; known: ${names.slice(0, mostNames).map(shorten).join(', ')}${more}`
}

/** Letters to change, with neighbours swapped counting as one; a name that was not finished is near, as is a word of one. */
function distanceTo(wanted: string, candidate: string): number {
  if (wanted.length >= 3 && candidate.startsWith(wanted)) return 1
  const word = wanted.replace(/s$/, '')
  if (word.length >= 5 && candidate.includes(word)) return 1
  return editDistance(wanted, candidate)
}

function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(replaced, at(i - 1, j) + 1, at(i, j - 1) + 1, swapped))
    }
  }
  return at(a.length, b.length)
}

/** What an option that is not known may be, here or elsewhere. */
function optionLike(key: string, known: readonly string[]): string {
  const name = normalize(key)
  const same = known.find((each) => normalize(each) === name)
  const answer = same === undefined ? answerFor('options', name, known) : is(`'${same}'`)
  return answer === undefined ? suggest(key, known) : `; ${answer}`
}

/** Whether an object is of no class, of any realm: what braces and JSON make. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

/**
 * The options of a plain object with nothing but known keys. `null` and `undefined` mean that an option, or all of them, was
 * not given.
 */
export function checkOptions<T extends object>(
  options: T | null | undefined,
  known: readonly string[],
  argument: string,
): T {
  if (options === undefined || options === null) return {} as T
  if (!isPlain(options)) return refuse(argument, 'an object of options', options)
  const entries: [string, unknown][] = Object.entries(options as object)
  checkKeys(options, known, `${argument}: no option`)
  const kept = entries.filter(([, value]) => value !== null)
  return kept.length === entries.length ? (options as T) : (Object.fromEntries(kept) as T)
}

/** Checks an object of things by their names, where the names are the caller's. */
export function checkRecord(value: unknown, argument: string, expected: string): Readonly<Record<string, unknown>> {
  return isPlain(value) ? (value as Readonly<Record<string, unknown>>) : refuse(argument, expected, value)
}

let isReadingFile = false

/**
 * Does work on what a file says, which was checked when the file was written: it holds options without effect with their
 * defaults, and nothing that an earlier version took keeps it from being loaded.
 */
export function readingFile<T>(work: () => T): T {
  isReadingFile = true
  try {
    return work()
  } finally {
    isReadingFile = false
  }
}

/** Refuses what an object has beside the known keys: "fit: no option is called 'epoch'; did you mean 'epochs'?" */
export function checkKeys(given: object, known: readonly string[], none: string): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${none} is called '${shorten(key)}'${optionLike(key, known)}`)
  }
}

/** Refuses options that would change nothing in the company they are given in; `because` says why. */
export function refuseIdle(options: object, names: readonly string[], argument: string, because: string): void {
  for (const name of names) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) refuseUseless(`${argument}: ${name}`, `none ${because}`, value)
  }
}

/** Refuses what can have no meaning for a model or in its company, unless a file says it. */
export function refuseUseless(argument: string, expected: string, got: unknown): void {
  if (!isReadingFile) refuse(argument, expected, got)
}

/** A finite number that stays one as float32: what native code computes with. */
export function isFloat(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
}

/** A number in a closed range that float32 holds. */
export function checkNumber(value: unknown, argument: string, low = -Infinity, high = Infinity): number {
  if (isFloat(value) && value >= low && value <= high) return value
  return refuse(argument, isDouble(value) ? expectedFloat : expectedNumber(low, high), value)
}

/** The same of a number that stays in TypeScript. */
export function checkDouble(value: unknown, argument: string, low = -Infinity, high = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high) return value
  return refuse(argument, expectedNumber(low, high), value)
}

/** What is expected of a number that float32 does not hold. */
export const expectedFloat = 'a number that float32 holds, up to 3.4e38'

/** A finite number that float32 does not hold. */
export function isDouble(value: unknown): value is number {
  return Number.isFinite(value) && !isFloat(value)
}

function expectedNumber(low: number, high: number): string {
  if (low === -Infinity) return high === Infinity ? 'a finite number' : `a finite number of at most ${high}`
  return high === Infinity ? `a finite number of at least ${low}` : `a number from ${low} to ${high}`
}

/** A number above zero that float32 holds. */
export function checkPositive(value: unknown, argument: string): number {
  if (isFloat(value) && value > 0) return value
  return refuse(argument, isDouble(value) ? expectedFloat : 'a finite number above 0', value)
}

/** An integer in a closed range that a double holds exactly. */
export function checkInteger(value: unknown, argument: string, low = 1, high = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high) return value
  return refuse(argument, expectedInteger(low, high), value)
}

/** What {@link checkInteger} expects, in words. */
export function expectedInteger(low: number, high: number): string {
  if (high < Number.MAX_SAFE_INTEGER) return `an integer from ${low} to ${high}`
  return low === 1 ? 'a positive integer' : `an integer of at least ${low}`
}

/** What a timer can wait for: 24.8 days. */
export const longestMilliseconds = 2 ** 31 - 1

/** A seed: a non-negative safe integer, or nothing. */
export function checkSeed(value: unknown, argument: string): number | undefined {
  return value === undefined ? undefined : checkInteger(value, argument, 0)
}

export function checkBoolean(value: unknown, argument: string): boolean {
  return typeof value === 'boolean' ? value : refuse(argument, 'true or false', value)
}

/** A name a user may give: text that is not empty. */
export function checkName(value: unknown, argument: string): string {
  return typeof value === 'string' && value !== '' ? value : refuse(argument, 'a text that is not empty', value)
}

/** Signals of other realms are no instances of this one's class. */
function isSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** An AbortSignal, or nothing. */
export function checkSignal(value: unknown, argument: string): AbortSignal | undefined {
  if (value === undefined || isSignal(value)) return value
  return refuse(argument, 'an AbortSignal', value)
}

/** The shape of one row: positive integers. */
export function checkRowShape(value: unknown, argument: string): readonly number[] {
  if (!Array.isArray(value)) return refuse(argument, 'an array of positive integers, such as [784]', value)
  return Object.freeze(value.map((size: unknown, i) => checkInteger(size, `${argument}[${i}]`)))
}

/** Whether a function gave a promise, of whatever kind. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
