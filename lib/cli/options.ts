/** Parses command-line options strictly, with messages that name the option. */

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { expectedInteger, suggest } from '../checks/validate.js'

/** An error in the command line: the exit code is 2. */
export class UsageError extends Error {}

/** One option of a command. */
export interface Option {
  /** The placeholder of the value in the help text; an option without it takes no value. */
  readonly value?: string
  /** A letter that stands for the option. */
  readonly short?: string | undefined
  /** Whether the option may be given several times. */
  readonly many?: boolean | undefined
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

export interface ParsedArguments {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly positionals: readonly string[]
}

/** Parses the arguments; every command has `--help` besides its own options. */
export function parse(args: readonly string[], options: Options): ParsedArguments {
  const config: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { value, short, many = false }] of Object.entries(options)) {
    config[name] = { type: value ? 'string' : 'boolean', multiple: many, ...(short === undefined ? {} : { short }) }
  }
  const joined = joinNegative(args, options)
  for (const arg of joined) {
    const name = /^--([^=]+)/.exec(arg)?.[1]
    if (name !== undefined && !Object.hasOwn(config, name)) {
      throw new UsageError(`--${name}: no such option${suggest(name, Object.keys(config))}`)
    }
  }
  try {
    const { values, positionals } = parseArgs({ args: joined, options: config, allowPositionals: true })
    return { values: values as ParsedArguments['values'], positionals }
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\n.*$/s, ''))
  }
}

/** Joins `--seed -1` to `--seed=-1`, so that the message is about a wrong value and not about an option `-1`. */
function joinNegative(args: readonly string[], options: Options): string[] {
  const joined: string[] = []
  for (const arg of args) {
    const before = joined.at(-1) ?? ''
    if (/^-[\d.]/.test(arg) && before.startsWith('--') && options[before.slice(2)]?.value)
      joined.push(`${joined.pop()}=${arg}`)
    else joined.push(arg)
  }
  return joined
}

/** The help text of a command. */
export function describeOptions(usage: string, options: Options): string {
  const rows = Object.entries(options).map(([name, { value, short, help }]) => [
    `${short === undefined ? '' : `-${short}, `}--${name}${value ? ` ${value}` : ''}`,
    help,
  ])
  rows.push(['--help', 'show this'])
  const width = Math.max(...rows.map(([left = '']) => left.length)) + 2
  return `Usage: ${usage}\n\nOptions:\n${rows.map(([left = '', help]) => `  ${left.padEnd(width)}${help}\n`).join('')}`
}

/** An integer of at least `low`, or undefined when the option was not given. */
export function integerOption(
  { values }: ParsedArguments,
  name: string,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = values[name]
  if (typeof text !== 'string') return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= low && value <= high) return value
  throw new UsageError(`--${name}: expected ${expectedInteger(low, high)}, got '${text}'`)
}

/** The parts of a value between commas, without spaces around them; undefined when the option was not given. */
export function listOption({ values }: ParsedArguments, name: string): string[] | undefined {
  const text = values[name]
  if (typeof text !== 'string') return undefined
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part !== '')) return parts
  throw new UsageError(`--${name}: expected names between commas, got '${text}'`)
}

/** A finite number above 0, or undefined when the option was not given. */
export function positiveOption({ values }: ParsedArguments, name: string): number | undefined {
  const text = values[name]
  if (typeof text !== 'string') return undefined
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value
  throw new UsageError(`--${name}: expected a number above 0, got '${text}'`)
}

/** The values of an option that may be given several times, or undefined when it was not given. */
export function manyOption({ values }: ParsedArguments, name: string): readonly string[] | undefined {
  const given = values[name]
  return Array.isArray(given) ? given : undefined
}

/** Matches a path, but not an address such as `file:///…`. */
export const pathPattern = /^(?![a-z][a-z\d+.-]+:\/\/)./i

/** The value of an option, which must match `pattern`, or undefined when the option was not given. */
export function textOption(
  { values }: ParsedArguments,
  name: string,
  pattern: RegExp,
  expected: string,
): string | undefined {
  const text = values[name]
  if (typeof text !== 'string') return undefined
  if (pattern.test(text)) return text
  throw new UsageError(`--${name}: expected ${expected}, got '${text}'`)
}
