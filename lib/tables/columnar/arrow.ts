/** Reads Arrow files and streams, and Feather files, by the package apache-arrow. */

import { NeurodeError } from '../../base/errors.js'
import { damaged } from '../../files/files.js'
import type { ColumnType } from '../column.js'
import { loadPackage, type OpenBytes } from './bytes.js'
import type { ColumnarFile } from './file.js'

interface ArrowType {
  readonly typeId: number
  /** Of a dictionary: the type of its values. */
  readonly dictionary?: ArrowType
}

interface Vector extends Iterable<unknown> {
  readonly length: number
}

interface RecordBatch {
  readonly numRows: number
  getChild(name: string): Vector | null
}

interface Batches {
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: ArrowType }[] }
  readonly batches: readonly RecordBatch[]
}

/** What is used of the package. */
interface Arrow {
  readonly Type: Readonly<Record<string, number>>
  tableFromIPC(bytes: Uint8Array): Batches
}

/** The types of columns by the names of Arrow's. */
const types: Readonly<Record<string, ColumnType>> = {
  Int: 'number',
  Float: 'number',
  Bool: 'boolean',
  Utf8: 'text',
  LargeUtf8: 'text',
  Date: 'date',
  Timestamp: 'date',
}

/** The package reads a file as a whole; its columns lie in the bytes of the file, and are not copied. */
export async function openArrow(bytes: OpenBytes): Promise<ColumnarFile> {
  const { Type, tableFromIPC } = await loadPackage<Arrow>('apache-arrow', bytes.name)
  const content = await bytes.read(0, bytes.size)
  const reading = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      if (error instanceof NeurodeError) throw error
      throw damaged(bytes.name, `the Arrow file cannot be read (${(error as Error).message})`, error)
    }
  }
  const { schema, batches } = reading(() => tableFromIPC(content))
  const names = new Map(Object.entries(Type).map(([name, id]) => [id, name]))
  const typeOf = ({ typeId, dictionary }: ArrowType): ColumnType | undefined =>
    dictionary === undefined ? types[names.get(typeId) ?? ''] : typeOf(dictionary)
  return {
    format: 'arrow',
    fields: schema.fields.map(({ name, type }) => ({ name, type: typeOf(type) })),
    groups: batches.map(({ numRows }) => numRows),
    read: async (name, group) => reading(() => [...((batches[group] as RecordBatch).getChild(name) ?? [])]),
    close: () => bytes.close(),
  }
}
