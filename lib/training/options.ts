/** Describes options of losses, metrics and optimizers as data: their defaults and checks. */

import { checkBoolean, checkInteger, checkNumber, lookUp, nameTable, refuse, refuseIdle } from '../checks/validate.js'

export type OptionValue = number | boolean | string | readonly number[] | undefined

/** One option: its default and its check. */
export interface OptionRow {
  readonly default: OptionValue
  readonly check: (value: unknown, argument: string) => OptionValue
  /** Name of an option without which this one has no effect. */
  readonly needs?: string | undefined
  /** Name of an option with which this one has no effect. */
  readonly notWith?: string | undefined
}

export type OptionRows = Readonly<Record<string, OptionRow>>

/** Options with defaults filled in. */
export type Options = Readonly<Record<string, OptionValue>>

/** A finite number from `low` to `high`, both included. */
export const number = (value: number, low?: number, high?: number): OptionRow => ({
  default: value,
  check: (given, argument) => checkNumber(given, argument, low, high),
})

/** A number of at least 0 and below 1, also when rounded to float32. */
export const share = (value: number): OptionRow => ({
  default: value,
  check: (given, argument) =>
    typeof given === 'number' && given >= 0 && Math.fround(given) < 1
      ? given
      : refuse(argument, 'a number from 0 to below 1', given),
})

/** A number above 0 and below 1, also when rounded to float32. */
export const fraction = (value: number): OptionRow => ({
  default: value,
  check: (given, argument) =>
    typeof given === 'number' && Math.fround(given) > 0 && Math.fround(given) < 1
      ? given
      : refuse(argument, 'a number above 0 and below 1', given),
})

/** An integer from `low` (default 1) to `high`, both included. */
export const count = (value: number, low?: number, high?: number): OptionRow => ({
  default: value,
  check: (given, name) => checkInteger(given, name, low, high),
})

/** An optional integer from `low` to `high`, both included. */
export const optionalInteger = (low: number, high?: number): OptionRow => ({
  default: undefined,
  check: (given, name) => (given === undefined ? undefined : checkInteger(given, name, low, high)),
})

/** An optional number from `low` to `high`, both included. */
export const optionalNumber = (low?: number, high?: number): OptionRow => ({
  default: undefined,
  check: (given, name) => (given === undefined ? undefined : checkNumber(given, name, low, high)),
})

const optionalList =
  (check: (value: unknown, argument: string, low?: number, high?: number) => number) =>
  (low?: number, high?: number): OptionRow => ({
    default: undefined,
    check: (given, name) => {
      if (given === undefined) return undefined
      if (!Array.isArray(given) || given.length === 0) return refuse(name, 'a list of numbers', given)
      return Object.freeze(given.map((value, i) => check(value, `${name}[${i}]`, low, high)))
    },
  })

/** An optional list of numbers from `low` to `high`, both included. */
export const optionalNumbers = optionalList(checkNumber)

/** An optional list of integers from `low` to `high`, both included. */
export const optionalIntegers = optionalList(checkInteger)

/** One of several words; the first is the default. */
export const choice = (...words: readonly [string, ...string[]]): OptionRow => {
  const table = nameTable(words, () => [])
  return { default: words[0], check: (given, name) => lookUp(table, given, name) }
}

export const flag = (value: boolean): OptionRow => ({ default: value, check: checkBoolean })

/** An option that has no effect unless another one is given and is not 0 or false. */
export const needing = (needs: string, row: OptionRow): OptionRow => ({ ...row, needs })

/** An option that has no effect if another one is given. */
export const notWith = (other: string, row: OptionRow): OptionRow => ({ ...row, notWith: other })

/** Checks options and fills in defaults, in the order of `rows`. */
export function fillOptions(rows: OptionRows, given: object, argument: string): Options {
  const values = given as Readonly<Record<string, unknown>>
  const filled: Record<string, OptionValue> = {}
  for (const [key, row] of Object.entries(rows)) {
    filled[key] = row.check(values[key] ?? row.default, `${argument}: ${key}`)
  }
  for (const [key, { needs, notWith }] of Object.entries(rows)) {
    if (values[key] === false) continue
    if (needs !== undefined && !filled[needs]) refuseIdle(values, [key], argument, `without ${needs}`)
    if (notWith !== undefined && values[notWith] !== undefined) refuseIdle(values, [key], argument, `with ${notWith}`)
  }
  return Object.freeze(filled)
}
