/** Reads Parquet files by the package hyparquet. */

import * as zlib from 'node:zlib'
import { NeurodeError } from '../../base/errors.js'
import { damaged } from '../../files/files.js'
import type { ColumnType } from '../column.js'
import { loadPackage, type OpenBytes } from './bytes.js'
import type { ColumnarFile } from './file.js'

interface SchemaElement {
  readonly name: string
  readonly type?: string
  readonly converted_type?: string
  readonly logical_type?: { readonly type: string }
  readonly repetition_type?: string
}

interface Metadata {
  readonly row_groups: readonly { readonly num_rows: bigint }[]
}

interface Chunk {
  readonly columnData: ArrayLike<unknown>
  readonly rowStart: number
}

interface AsyncBuffer {
  readonly byteLength: number
  slice(start: number, end?: number): Promise<ArrayBuffer>
}

/** What is used of the package. */
interface Hyparquet {
  parquetMetadataAsync(file: AsyncBuffer, options: object): Promise<Metadata>
  parquetSchema(metadata: Metadata): {
    readonly children: readonly { readonly element: SchemaElement; readonly children: readonly unknown[] }[]
  }
  parquetRead(options: object): Promise<void>
}

type Decompress = (input: Uint8Array) => Uint8Array

/** What Node unpacks; Snappy the package does itself. */
function decompressors(name: string): Record<string, Decompress> {
  const zstd = (zlib as { zstdDecompressSync?: Decompress }).zstdDecompressSync
  const missing = (codec: string) => () => {
    throw damaged(
      name,
      `${codec}, by which the columns are packed, is not supported here: write Snappy, gzip or Brotli`,
    )
  }
  return {
    GZIP: zlib.gunzipSync,
    BROTLI: zlib.brotliDecompressSync,
    ZSTD: zstd ?? missing('Zstandard'),
    LZ4: missing('LZ4'),
    LZ4_RAW: missing('LZ4'),
    LZO: missing('LZO'),
  }
}

export async function openParquet(bytes: OpenBytes): Promise<ColumnarFile> {
  const { parquetMetadataAsync, parquetSchema, parquetRead } = await loadPackage<Hyparquet>('hyparquet', bytes.name)
  const file: AsyncBuffer = {
    byteLength: bytes.size,
    slice: async (start, end = bytes.size) => (await bytes.read(start, end)).buffer,
  }
  const reading = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof NeurodeError) throw error
      throw damaged(bytes.name, `the Parquet file cannot be read (${(error as Error).message})`, error)
    }
  }
  const metadata = await reading(() => parquetMetadataAsync(file, { geoparquet: false }))
  const fields = await reading(async () =>
    parquetSchema(metadata).children.map(({ element, children }) => ({
      name: element.name,
      type: children.length > 0 || element.repetition_type === 'REPEATED' ? undefined : typeOf(element),
    })),
  )
  const groups = metadata.row_groups.map((group) => Number(group.num_rows))
  const compressors = decompressors(bytes.name)
  return {
    format: 'parquet',
    fields,
    groups,
    read: (name, group) =>
      reading(async () => {
        const rowStart = groups.slice(0, group).reduce((sum, rows) => sum + rows, 0)
        const rows = groups[group] as number
        const values = new Array<unknown>(rows).fill(undefined)
        const onChunk = ({ columnData, rowStart: start }: Chunk) => {
          for (let i = 0; i < columnData.length; i++) {
            const row = start + i - rowStart
            if (row >= 0 && row < rows) values[row] = columnData[i]
          }
        }
        const range = { rowStart, rowEnd: rowStart + rows }
        await parquetRead({ file, metadata, columns: [name], ...range, compressors, geoparquet: false, onChunk })
        return values
      }),
    close: () => bytes.close(),
  }
}

const numbers = ['INT32', 'INT64', 'FLOAT', 'DOUBLE']

function typeOf({
  type = '',
  converted_type: converted = '',
  logical_type: logical,
}: SchemaElement): ColumnType | undefined {
  const kind = logical?.type ?? ''
  if (/^(?:DATE|TIMESTAMP)/.test(converted) || kind === 'DATE' || kind === 'TIMESTAMP' || type === 'INT96')
    return 'date'
  if (converted === 'DECIMAL' || kind === 'DECIMAL' || kind === 'FLOAT16') return 'number'
  if (type === 'BOOLEAN') return 'boolean'
  if (numbers.includes(type)) return 'number'
  const isText = /^(?:|UTF8|ENUM)$/.test(converted) && /^(?:|STRING|ENUM)$/.test(kind)
  return (type === 'BYTE_ARRAY' && isText) || kind === 'UUID' ? 'text' : undefined
}
