/** Tables that commands read: from files and from stdin, as they are, or as a model expects them. */

import { buffer } from 'node:stream/consumers'
import type { ColumnType } from '../../tables/column.js'
import { openTable, type TableSource } from '../../tables/openTable.js'
import { type ReadTableOptions, readTable } from '../../tables/readTable.js'
import { printable, type Table } from '../../tables/table.js'
import { load } from '../../tabular/load.js'
import type { TabularModel } from '../../tabular/types.js'
import {
  describeOptions,
  type Options,
  type ParsedArguments,
  parse,
  pathPattern,
  textOption,
  UsageError,
} from '../options.js'
import { fromUser } from '../output.js'

/** Options of how a table is written. */
export const readingOptions: Options = {
  delimiter: { value: 'C', help: "what is between cells: ',', ';', tab, '|' (as the first rows have it)" },
  decimal: { value: 'C', help: "the decimal mark of numbers: '.' or ',' (as the numbers show)" },
}

/** The options of {@link readingOptions}. */
export function readReading(parsed: ParsedArguments): ReadTableOptions {
  const delimiter = textOption(parsed, 'delimiter', /^(tab|\\t|[^\w])$/, "a character such as ';', or tab")
  const decimal = textOption(parsed, 'decimal', /^[.,]$/, "'.' or ','")
  return {
    ...(delimiter === undefined ? {} : { delimiter: /^(tab|\\t)$/.test(delimiter) ? '\t' : delimiter }),
    ...(decimal === undefined ? {} : { decimal: decimal as '.' | ',' }),
  }
}

/** The arguments of a command that takes a model and a table; undefined where they ask for help, which is printed. */
export function modelAndTable(command: string, args: readonly string[], usage: string, options: Options) {
  const parsed = parse(args, options)
  if (parsed.values.help) {
    process.stdout.write(describeOptions(usage, options))
    return undefined
  }
  const [path, rows, ...more] = parsed.positionals
  if (path === undefined || rows === undefined || more.length > 0) {
    throw new UsageError(`expected '${usage}', got '${[command, ...parsed.positionals].join(' ')}'`)
  }
  return { parsed, path, rows }
}

/** The path of a table as given, `-` for stdin. */
export function tablePath(given: string): string {
  if (!pathPattern.test(given)) throw new UsageError(`expected the path of a table, got '${given}'`)
  return given === '-' ? given : fromUser(given)
}

/** Reads a table from a path, or from stdin for `-`. */
export async function readFrom(path: string, options: ReadTableOptions): Promise<Table> {
  return readTable(path === '-' ? new Uint8Array(await buffer(process.stdin)) : path, options)
}

/** Opens a table to be read in pieces, so that it need not fit into memory; for `-` what stdin has. */
export async function openFrom(path: string, options: ReadTableOptions): Promise<TableSource> {
  return openTable(path === '-' ? new Uint8Array(await buffer(process.stdin)) : path, options)
}

/** Types of the columns that a model reads, so that cells mean what they meant in training; of the target where it is among `also`. */
export function typesFor(model: TabularModel, also: readonly string[]): Record<string, ColumnType> {
  const types = model.columns.map(({ name, type }): [string, ColumnType] => [name, type])
  return Object.fromEntries([...types, ...also.map((name): [string, ColumnType] => [name, typeOfTarget(model)])])
}

function typeOfTarget({ classes }: TabularModel): ColumnType {
  const kind = typeof classes?.[0]
  return kind === 'string' ? 'text' : kind === 'boolean' ? 'boolean' : 'number'
}

/** The table with the columns that a model reads. */
export function columnsFor<T extends Table | TableSource>(model: TabularModel, table: T): T {
  const others = new Set(othersIn(model, table))
  const names = table.columns.map(({ name }) => name).filter((name) => !others.has(name))
  return others.size === 0 ? table : (table.select(names) as T)
}

/** Says on stderr which columns a model does not read. */
export function tellOthers(model: TabularModel, table: Named): void {
  const others = othersIn(model, table)
  if (others.length === 0) return
  const shown = others.slice(0, mostNames).map((name) => `'${printable(name)}'`)
  const more = others.length > mostNames ? ` and ${others.length - mostNames} more` : ''
  process.stderr.write(`neurode: the model does not read ${shown.join(', ')}${more}\n`)
}

interface Named {
  readonly columns: readonly { readonly name: string }[]
}

function othersIn(model: TabularModel, { columns }: Named): readonly string[] {
  const read = new Set([...model.columns.map(({ name }) => name), model.target])
  return columns.map(({ name }) => name).filter((name) => !read.has(name))
}

const mostNames = 10

/** Loads a model of a table. */
export async function loadTabular(path: string): Promise<TabularModel> {
  if (!pathPattern.test(path)) throw new UsageError(`expected the path of a model, got '${path}'`)
  const model: { readonly kind: string; dispose(): void } = await load(fromUser(path))
  if (model.kind === 'tabular') return model as TabularModel
  model.dispose()
  throw new UsageError(`${path}: expected a model of a table, as 'neurode train data.csv' saves it, got one of arrays`)
}
