/** Options of `neurode train` that come from a row of `--trials`, or from `--option name=value`. */

import { suggest } from '../checks/validate.js'
import { damaged, readBytes } from '../files/files.js'
import { parseStrictJson } from '../formats/strictJson.js'
import { manyOption, type Option, type Options, type ParsedArguments, UsageError } from './options.js'
import { count, pathOption } from './output.js'

/** A row of `--trials`. */
export interface Trial {
  readonly index: number
  readonly options: Readonly<Record<string, unknown>>
}

/** Arguments, with the options of a trial among them. */
export interface TrainArguments extends ParsedArguments {
  readonly trial?: Trial | undefined
}

/** Environment variables with the index of a process among many, the first of which counts. */
const indexVariables = [
  'NEURODE_TRIAL',
  'JOB_COMPLETION_INDEX',
  'SLURM_ARRAY_TASK_ID',
  'AWS_BATCH_JOB_ARRAY_INDEX',
] as const

/** Options that name files or folders, in which `{trial}` stands for the trial's index. */
const pathOptions = ['save', 'report', 'metrics-file', 'backup']
const notInTrials = ['help', 'trials', 'option']

/**
 * Runs a job with the options of a trial in place of those of the command line, and `--option name=value` in place of both. Throws a
 * UsageError that names file and line for options of a trial that the job does not take.
 */
export async function withTrial<T>(
  parsed: ParsedArguments,
  options: Options,
  run: (parsed: TrainArguments) => Promise<T>,
): Promise<T> {
  const given = Object.fromEntries((manyOption(parsed, 'option') ?? []).map((text) => assignment(text, options)))
  const row = await readTrial(parsed)
  if (row === undefined) return run({ ...parsed, values: { ...parsed.values, ...given } })
  const { where, ...trial } = row
  const ofTrial = Object.fromEntries(
    Object.entries(trial.options).map(([name, value]) => [name, optionValue(name, value, options, `${where}: `)]),
  )
  const values: Record<string, ParsedArguments['values'][string]> = { ...parsed.values, ...ofTrial, ...given }
  for (const name of pathOptions) {
    const path = values[name]
    if (typeof path === 'string') values[name] = path.replaceAll('{trial}', String(trial.index))
  }
  try {
    return await run({ ...parsed, values, trial })
  } catch (error) {
    const name = error instanceof UsageError ? /^--([\w-]+): /.exec(error.message)?.[1] : undefined
    if (name === undefined || !Object.hasOwn(ofTrial, name) || Object.hasOwn(given, name)) throw error
    throw new UsageError(`${where}: ${(error as Error).message}`)
  }
}

/** A text such as `learning-rate=0.1`. */
function assignment(text: string, options: Options): [string, ParsedArguments['values'][string]] {
  const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new UsageError(`--option: expected name=value, got '${text}'`)
  return [name, optionValue(name, value, options, '--option: ')]
}

/** The value of an option as the command line would give it. */
function optionValue(name: string, value: unknown, options: Options, where: string): ParsedArguments['values'][string] {
  const names = Object.keys(options).filter((other) => !notInTrials.includes(other))
  if (!names.includes(name)) throw new UsageError(`${where}no option is called '${name}'${suggest(name, names)}`)
  const option = options[name] as Option
  if (option.value === undefined) {
    if (String(value) === 'true') return true
    if (String(value) === 'false') return undefined
    throw new UsageError(`${where}--${name}: expected true or false, got ${JSON.stringify(value)}`)
  }
  const texts = (Array.isArray(value) ? value : [value]).map((each: unknown) => {
    if (typeof each === 'string' || typeof each === 'number') return String(each)
    throw new UsageError(`${where}--${name}: expected a number, a text or a list of them, got ${JSON.stringify(value)}`)
  })
  return option.many ? texts : texts.join(',')
}

/** The row of `--trials` for this process, and where it stands; undefined without that option. */
async function readTrial(parsed: ParsedArguments): Promise<(Trial & { readonly where: string }) | undefined> {
  const path = pathOption(parsed, 'trials')
  if (path === undefined) return undefined
  const { variable, index } = ownIndex()
  const lines = (await readBytes(path))
    .toString()
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
  const line = lines[index]
  if (line === undefined || (index === 0 && line === '')) {
    const got = count(line === undefined ? lines.length : 0, 'line')
    throw new UsageError(`${path}: expected a line for ${variable}=${index}, where 0 is the first, got ${got}`)
  }
  const where = `${path}, line ${index + 1}`
  return { index, options: parseRow(line, where), where }
}

function parseRow(line: string, where: string): Readonly<Record<string, unknown>> {
  let row: unknown
  try {
    row = parseStrictJson(line)
  } catch (error) {
    throw damaged(where, `expected a JSON object of options by name (${(error as Error).message})`, error)
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Readonly<Record<string, unknown>>
  throw damaged(where, `expected a JSON object of options by name, got ${line.slice(0, 100)}`)
}

/** The index of this process among those of a search. */
function ownIndex(): { readonly variable: string; readonly index: number } {
  for (const variable of indexVariables) {
    const text = process.env[variable]
    if (text === undefined || text === '') continue
    const index = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(index)) return { variable, index }
    throw new UsageError(`${variable}: expected the index of a trial, from 0, got '${text}'`)
  }
  throw new UsageError(
    `--trials: expected the index of a trial in one of ${indexVariables.join(', ')}, which are not set`,
  )
}
