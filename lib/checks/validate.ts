/** Checks of options and names, with messages that say what was expected and what was given. */

import { NeurodeError } from '../base/errors.js'
import { type Asked, answerFor } from '../foreignNames/answers.js'
import { is } from '../foreignNames/rows.js'

/** An object of options; a number alone becomes the option `name`. */
export function withMain<T extends object | undefined>(given: number | T, name: keyof NonNullable<T>): T {
  return typeof given === 'number' ? ({ [name]: given } as T) : given
}

/** A value in a few words, for the end of an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return String(value)
  if (typeof value === 'bigint') return `${shorten(String(value))}n`
  if (typeof value === 'string') return JSON.stringify(shorten(value))
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  const { constructor: type, [Symbol.toStringTag]: tag } = value as Partial<Record<symbol, string>> & object
  const name: unknown = (type as { readonly name?: unknown } | null | undefined)?.name || tag
  return typeof name === 'string' && name !== 'Object' ? withArticle(name) : 'an object'
}

/** A name with its article: `an ArrayBuffer`, but `a Uint8Array` and `a URL`. */
function withArticle(name: string): string {
  return /^[aeio]/i.test(name) ? `an ${name}` : `a ${name}`
}

/** Throws `ERR_ARGUMENT` with a message such as "batchSize: expected a positive integer, got -3". */
export function refuse(argument: string, expected: string, got: unknown): never {
  // A promise that was passed by mistake may reject later; nobody else would handle that rejection.
  if (isPromise(got)) got.then(undefined, () => {})
  throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected ${expected}, got ${describe(got)}`)
}

/** A name without case, `_` and `-`, so that camelCase, snake_case and kebab-case compare equal. No known name is longer than 200. */
export function normalize(name: string): string {
  return name.slice(0, 200).replace(/[_-]/g, '').toLowerCase()
}

/** A table from names, in any spelling, to what they stand for, with the names to suggest in messages. */
export interface NameTable<T> {
  readonly ids: ReadonlyMap<string, T>
  readonly names: readonly string[]
  /** The kind of name, to look up how other frameworks call it. */
  readonly asked?: Asked | undefined
}

/** Makes a {@link NameTable} from ids and their aliases. */
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

/** The id that a name stands for. Throws `ERR_UNKNOWN_NAME`, with similar names, for an unknown name. */
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

/** Texts that users pass are quoted in messages, and compared, up to this length. */
const longestText = 60

/** The beginning of a text that may be long. */
export function shorten(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText - 3)}...` : text
}

/** The end of a message: "; did you mean 'relu' or 'relu6'?", or all known names if none is similar. */
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

/** The edit distance, in which swapping neighbours counts as one edit. The beginning of a name, or a word of it, has the distance 1. */
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

/** The end of a message about an unknown option: the option that may be meant. */
function optionLike(key: string, known: readonly string[]): string {
  const name = normalize(key)
  const same = known.find((each) => normalize(each) === name)
  const answer = same === undefined ? answerFor('options', name, known) : is(`'${same}'`)
  return answer === undefined ? suggest(key, known) : `; ${answer}`
}

/** Whether a value is a plain object, of any realm: one that braces or JSON make, not an instance of a class. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

/**
 * Checks that options are a plain object with known keys only, and returns them. `null` and `undefined` count as not given, for a
 * single option as for the whole object.
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

/** Checks that a value is a plain object whose keys the caller may choose. */
export function checkRecord(value: unknown, argument: string, expected: string): Readonly<Record<string, unknown>> {
  return isPlain(value) ? (value as Readonly<Record<string, unknown>>) : refuse(argument, expected, value)
}

let isReadingFile = false

/**
 * Runs code that builds objects from a file. While it runs, {@link refuseUseless} accepts options without effect: files list all
 * options with their defaults, and a file that an earlier version wrote must still load.
 */
export function readingFile<T>(work: () => T): T {
  isReadingFile = true
  try {
    return work()
  } finally {
    isReadingFile = false
  }
}

/** Throws `ERR_UNKNOWN_NAME` for a key that is not known: "fit: no option is called 'epoch'; did you mean 'epochs'?" */
export function checkKeys(given: object, known: readonly string[], none: string, remedy = ''): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${none} is called '${shorten(key)}'${optionLike(key, known)}${remedy}`)
  }
}

/** Throws `ERR_ARGUMENT` for options that have no effect together with the others; `because` ends the message with the reason. */
export function refuseIdle(options: object, names: readonly string[], argument: string, because: string): void {
  for (const name of names) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) refuseUseless(`${argument}: ${name}`, `none ${because}`, value)
  }
}

/** Throws `ERR_ARGUMENT` for a value that has no effect, unless it comes from a file (see {@link readingFile}). */
export function refuseUseless(argument: string, expected: string, got: unknown): void {
  if (!isReadingFile) refuse(argument, expected, got)
}

/** Whether a value is a number that is finite in float32, which the native code computes in. */
export function isFloat(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(Math.fround(value))
}

/** Checks a number that float32 can hold, from `low` to `high`, both included. */
export function checkNumber(value: unknown, argument: string, low = -Infinity, high = Infinity): number {
  if (isFloat(value) && value >= low && value <= high) return value
  return refuse(argument, isDouble(value) ? expectedFloat : expectedNumber(low, high), value)
}

/** Like {@link checkNumber}, for a number that TypeScript alone uses, so that float32 need not hold it. */
export function checkDouble(value: unknown, argument: string, low = -Infinity, high = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= low && value <= high) return value
  return refuse(argument, expectedNumber(low, high), value)
}

/** What messages expect instead of a number that float32 cannot hold. */
export const expectedFloat = 'a number that float32 holds, up to 3.4e38'

/** Whether a value is a finite number that float32 cannot hold. */
export function isDouble(value: unknown): value is number {
  return Number.isFinite(value) && !isFloat(value)
}

function expectedNumber(low: number, high: number): string {
  if (low === -Infinity) return high === Infinity ? 'a finite number' : `a finite number of at most ${high}`
  return high === Infinity ? `a finite number of at least ${low}` : `a number from ${low} to ${high}`
}

/** Checks a number above zero that float32 can hold. */
export function checkPositive(value: unknown, argument: string): number {
  if (isFloat(value) && value > 0) return value
  return refuse(argument, isDouble(value) ? expectedFloat : 'a finite number above 0', value)
}

/** Checks an integer from `low` to `high`, both included, that a double holds exactly. */
export function checkInteger(value: unknown, argument: string, low = 1, high = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= low && value <= high) return value
  return refuse(argument, expectedInteger(low, high), value)
}

/** What {@link checkInteger} expects, in words. */
export function expectedInteger(low: number, high: number): string {
  if (high < Number.MAX_SAFE_INTEGER) return `an integer from ${low} to ${high}`
  return low === 1 ? 'a positive integer' : `an integer of at least ${low}`
}

/** The longest time, in milliseconds, that a timer of Node can wait: 24.8 days. */
export const longestMilliseconds = 2 ** 31 - 1

/** Checks a seed: a non-negative safe integer, or undefined. */
export function checkSeed(value: unknown, argument: string): number | undefined {
  return value === undefined ? undefined : checkInteger(value, argument, 0)
}

export function checkBoolean(value: unknown, argument: string): boolean {
  return typeof value === 'boolean' ? value : refuse(argument, 'true or false', value)
}

/** Checks a name that the user chose: a string that is not empty. */
export function checkName(value: unknown, argument: string): string {
  return typeof value === 'string' && value !== '' ? value : refuse(argument, 'a text that is not empty', value)
}

/** Whether a value is an AbortSignal. `instanceof` would miss signals of other realms. */
function isSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** Checks an AbortSignal, or undefined. */
export function checkSignal(value: unknown, argument: string): AbortSignal | undefined {
  if (value === undefined || isSignal(value)) return value
  return refuse(argument, 'an AbortSignal', value)
}

/** Checks the shape of one row: a list of positive integers. */
export function checkRowShape(value: unknown, argument: string): readonly number[] {
  if (!Array.isArray(value)) return refuse(argument, 'an array of positive integers, such as [784]', value)
  return Object.freeze(value.map((size: unknown, i) => checkInteger(size, `${argument}[${i}]`)))
}

/** Whether a value is a promise or another object with a `then` function. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
