/** The bytes of a table: of a file or in memory, unpacked and in UTF-8, as often as they are asked for. */

import { constants, type FileHandle, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { NeurodeError } from '../../base/errors.js'
import { refuse } from '../../checks/validate.js'
import { damaged, fileError, notFile } from '../../files/files.js'
import { formatOf } from '../../files/formats.js'

/** Bytes that can be read more than once. */
export interface ByteSource {
  /** What messages call it: the path, or `data`. */
  readonly name: string
  /** All bytes, in chunks that are the reader's. */
  chunks(): AsyncIterable<Uint8Array>
  /** About how many bytes there are; undefined where only reading them tells. */
  size(): Promise<number | undefined>
}

const chunkBytes = 2 ** 18

const unknownSize = async () => undefined

/** The bytes of a file or of an array. */
export function sourceOf(given: string | Uint8Array): ByteSource {
  if (typeof given === 'string') {
    const size = () =>
      stat(given).then(
        (stats) => stats.size,
        () => undefined,
      )
    return { name: given, chunks: () => chunksOfFile(given), size }
  }
  const bytes = given.slice()
  return { name: 'data', chunks: () => chunksOfBytes(bytes), size: async () => bytes.length }
}

async function* chunksOfFile(path: string): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined
  try {
    // A pipe would block open() for as long as nobody writes to it.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw await notFile(path, stats)
    const read = async (handle: FileHandle, at: number) => {
      const length = Math.min(chunkBytes, Math.max(stats.size - at, 4096))
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(length), 0, length, at)
      return buffer.subarray(0, bytesRead)
    }
    // The next chunk is read while this one is worked on.
    let next = read(file, 0)
    for (let at = 0; ; ) {
      const chunk = await next
      if (chunk.length === 0) return
      at += chunk.length
      next = read(file, at)
      next.catch(() => {})
      yield chunk
    }
  } catch (error) {
    throw fileError(error, path, 'read')
  } finally {
    await file?.close()
  }
}

async function* chunksOfBytes(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield bytes.subarray(at, at + chunkBytes)
    await setImmediate()
  }
}

const begins = (bytes: Uint8Array, ...start: number[]) => start.every((byte, i) => bytes[i] === byte)

/** Unpacks gzip and converts other encodings to UTF-8, without a byte order mark. Throws for files of other formats. */
export async function textSource(source: ByteSource, given: string | undefined): Promise<ByteSource> {
  const { name } = source
  let found = source
  let first = await beginOf(source)
  if (begins(first, 0x1f, 0x8b)) {
    found = { name, chunks: () => unzipped(source), size: unknownSize }
    first = await beginOf(found)
  }
  refuseOthers(first, name)
  const encoding = given === undefined ? encodingOf(first.subarray(0, 16), name) : checkEncoding(given)
  if (encoding !== 'utf-8') return { name, chunks: () => decoded(found, encoding), size: unknownSize }
  return begins(first, 0xef, 0xbb, 0xbf) ? { ...found, chunks: () => withoutMark(found) } : found
}

/** Throws for the first bytes of a file that is no table in CSV. */
function refuseOthers(bytes: Uint8Array, name: string): void {
  const found = formatOf(bytes)
  if (found === undefined || found.name === 'text') return
  const advice = found.name === 'JSON' ? ': table(JSON.parse(text)) makes a table of records' : found.advice
  throw damaged(name, `expected a table in CSV, got ${found.name}${advice}`)
}

function checkEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding
  } catch {
    return refuse('encoding', "the name of an encoding, such as 'windows-1252' or 'utf-16le'", label)
  }
}

/** The encoding that the first bytes tell. */
function encodingOf(bytes: Uint8Array, name: string): string {
  if (begins(bytes, 0xff, 0xfe, 0, 0) || begins(bytes, 0, 0, 0xfe, 0xff)) {
    throw damaged(name, 'expected text in UTF-8, got UTF-32')
  }
  if (begins(bytes, 0xff, 0xfe)) return 'utf-16le'
  if (begins(bytes, 0xfe, 0xff)) return 'utf-16be'
  const isHalf = (from: number) =>
    bytes.length > 3 && bytes.every((byte, i) => (i % 2 === from ? byte === 0 : byte !== 0))
  const guess = isHalf(1) ? 'utf-16le' : isHalf(0) ? 'utf-16be' : undefined
  if (guess === undefined) return 'utf-8'
  throw damaged(name, `expected text in UTF-8, got what looks like UTF-16; name it: { encoding: '${guess}' }`)
}

/** The first bytes. */
export async function beginOf(source: ByteSource): Promise<Uint8Array> {
  let begin = Buffer.alloc(0)
  for await (const chunk of source.chunks()) {
    begin = Buffer.concat([begin, chunk.subarray(0, 65_536)])
    if (begin.length >= 65_536) break
  }
  return begin
}

async function* withoutMark(source: ByteSource): AsyncGenerator<Uint8Array> {
  let left = 3
  for await (const chunk of source.chunks()) {
    yield chunk.subarray(Math.min(left, chunk.length))
    left -= Math.min(left, chunk.length)
  }
}

async function* unzipped({ name, chunks }: ByteSource): AsyncGenerator<Uint8Array> {
  const input = Readable.from(chunks(), { objectMode: false })
  const output = createGunzip({ chunkSize: 2 ** 18 })
  input.on('error', (error) => output.destroy(error))
  input.pipe(output)
  try {
    yield* output as AsyncIterable<Uint8Array>
  } catch (error) {
    if (error instanceof NeurodeError) throw error
    throw damaged(name, 'the gzip data is damaged, or ends too early', error)
  } finally {
    input.destroy()
    output.destroy()
  }
}

async function* decoded({ name, chunks }: ByteSource, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let line = 1
  const decode = (chunk?: Uint8Array): Uint8Array => {
    try {
      const text = decoder.decode(chunk, { stream: chunk !== undefined })
      line += text.split('\n').length - 1
      return Buffer.from(text)
    } catch (error) {
      throw damaged(name, `near line ${line}: expected text in ${encoding}`, error)
    }
  }
  for await (const chunk of chunks()) yield decode(chunk)
  yield decode()
}
