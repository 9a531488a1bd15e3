/** Tables of files that hold columns: Parquet and Arrow. */

import { NeurodeError } from '../../base/errors.js'
import { damaged } from '../../files/files.js'
import type { Column, ColumnType } from '../column.js'
import type { Settings } from '../csv/settings.js'
import { wantedOf } from '../csv/settings.js'
import { columnFrom } from '../inMemory.js'
import { firstTwice, printable, type Table, type TableOrigin, tableOf } from '../table.js'
import { openBytes } from './bytes.js'
import type { ColumnarFile } from './file.js'

/** A column of a file of columns, as it is read. */
interface Field {
  readonly name: string
  readonly type: ColumnType
}

/** The format that the first bytes of a file tell; undefined for CSV. */
export function columnarFormat(begin: Uint8Array): ColumnarFile['format'] | undefined {
  const text = Buffer.from(begin.subarray(0, 8)).toString('latin1')
  if (text.startsWith('PAR1')) return 'parquet'
  return text.startsWith('ARROW1') || text.startsWith('\xff\xff\xff\xff') ? 'arrow' : undefined
}

async function openFile(given: string | Uint8Array, format: ColumnarFile['format']): Promise<ColumnarFile> {
  const bytes = await openBytes(given)
  try {
    if (format === 'parquet') return await (await import('./parquet.js')).openParquet(bytes)
    return await (await import('./arrow.js')).openArrow(bytes)
  } catch (error) {
    await bytes.close()
    throw error
  }
}

/** A table of columns in a file, read as a whole or in pieces. */
export interface ColumnarTable {
  readonly columns: readonly Field[]
  readonly rows: number
  read(): Promise<Table>
  /** Reads the columns in these places, so many rows at a time. */
  pieces(rowsAtATime: number, places: readonly number[]): AsyncGenerator<Table>
}

/** Finds out what a file holds. It is opened again for each reading. */
export async function openColumnar(
  given: string | Uint8Array,
  format: ColumnarFile['format'],
  settings: Settings,
): Promise<ColumnarTable> {
  const name = typeof given === 'string' ? given : 'data'
  const reading = async <T>(work: (file: ColumnarFile) => Promise<T>): Promise<T> => {
    const file = await openFile(given, format)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
  const { columns, groups } = await reading(async ({ fields, groups }) => ({
    columns: fieldsOf(fields, settings, name),
    groups,
  }))
  const rows = groups.reduce((sum, each) => sum + each, 0)
  return {
    columns,
    rows,
    // A column after the other: the values of one column at a time are twice in memory.
    read: () =>
      reading(async (file) => {
        const made: Column[] = []
        for (const field of columns) {
          const values: unknown[] = []
          for (const group of file.groups.keys()) {
            for (const value of await file.read(field.name, group)) values.push(value)
          }
          made.push(columnOf(field, values, name, 0))
        }
        return tableOf(made, rows, originOf(name, 0))
      }),
    async *pieces(rowsAtATime, places) {
      const chosen = places.map((place) => columns[place] as Field)
      const file = await openFile(given, format)
      try {
        for (let group = 0, first = 0; group < file.groups.length; first += file.groups[group] as number, group++) {
          const values: (readonly unknown[])[] = []
          for (const field of chosen) values.push(await file.read(field.name, group))
          for (let at = 0; at < (file.groups[group] as number); at += rowsAtATime) {
            const end = Math.min(at + rowsAtATime, file.groups[group] as number)
            const made = chosen.map((field, i) =>
              columnOf(field, (values[i] as readonly unknown[]).slice(at, end), name, first + at),
            )
            yield tableOf(made, end - at, originOf(name, first + at))
          }
        }
      } finally {
        await file.close()
      }
    },
  }
}

function originOf(path: string, first: number): TableOrigin {
  return Object.freeze({ path, delimiter: undefined, decimal: undefined, lineOf: (row: number) => first + row + 1 })
}

function fieldsOf(fields: ColumnarFile['fields'], { types, columns }: Settings, file: string): Field[] {
  const names = fields.map(({ name }) => name)
  const twice = names[firstTwice(names)]
  if (twice !== undefined) throw damaged(file, `expected columns of different names, got '${printable(twice)}' twice`)
  return wantedOf(names, types, columns, file).map(({ name, place, asked }) => {
    const type = fields[place]?.type
    if (type !== undefined) return { name, type: asked ?? type }
    const advice = 'read the others: { columns: [...] }'
    throw damaged(file, `column '${printable(name)}' holds lists, records or bytes, which a table does not; ${advice}`)
  })
}

function columnOf({ name, type }: Field, values: readonly unknown[], file: string, first: number): Column {
  const cells = Array.from(values, (value, i) =>
    cellOf(value, type, () => `${file}: column '${printable(name)}', row ${first + i}`),
  )
  return columnFrom(name, cells, type, { where: file, first, code: 'ERR_FILE_FORMAT' })
}

/** A value as a cell of a table: 64-bit integers become numbers, or texts where these are asked for. */
function cellOf(value: unknown, type: ColumnType, where: () => string): unknown {
  if (type === 'text')
    return value instanceof Date ? value.toISOString() : typeof value === 'bigint' ? String(value) : value
  if (typeof value !== 'bigint') return value
  if (value >= -largest && value <= largest) return Number(value)
  const advice = 'as a text it is whole: { types: { … } }'
  throw new NeurodeError(
    'ERR_FILE_FORMAT',
    `${where()}: expected a whole number of at most 2^53, got ${value}; ${advice}`,
  )
}

const largest = BigInt(Number.MAX_SAFE_INTEGER)
