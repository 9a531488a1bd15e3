/** A strict reader of IDX files, plain or gzipped. It needs no more memory than the array it returns. */

import { constants } from 'node:buffer'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { endianness } from 'node:os'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isUint8Array } from 'node:util/types'
import { createGunzip } from 'node:zlib'
import { elementCount, formatShape, type NdArray, type NumericArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkDouble, checkOptions, checkSignal } from '../checks/validate.js'
import { toPath } from '../files/paths.js'
import { unpackedLimit } from './archives.js'

/** Options of {@link readIdx}. */
export interface ReadIdxOptions {
  /**
   * The most bytes of elements to accept, at least 0. Default: no limit for a plain file; for a gzipped one 256 MiB, or 16 times its
   * size where that is more.
   */
  readonly maxBytes?: number | undefined
  /** Stops reading; the promise rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

interface ElementType {
  readonly name: string
  readonly bytes: number
  readonly view: (buffer: ArrayBuffer) => NumericArray
}

const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [0x08, { name: 'unsigned byte', bytes: 1, view: (buffer) => new Uint8Array(buffer) }],
  [0x09, { name: 'signed byte', bytes: 1, view: (buffer) => new Int8Array(buffer) }],
  [0x0b, { name: 'short', bytes: 2, view: (buffer) => new Int16Array(buffer) }],
  [0x0c, { name: 'int', bytes: 4, view: (buffer) => new Int32Array(buffer) }],
  [0x0d, { name: 'float', bytes: 4, view: (buffer) => new Float32Array(buffer) }],
  [0x0e, { name: 'double', bytes: 8, view: (buffer) => new Float64Array(buffer) }],
])

const fixedHeaderBytes = 4
const chunkBytes = 256 * 1024
/** The highest compression ratio of deflate: 258 bytes from a match code of two bits. */
const maxDeflateRatio = 1032

/**
 * Reads an IDX file, the format of MNIST, gzipped or not, with elements of any of its six types and any number of dimensions.
 * Elements are not scaled; they are converted from big-endian to the byte order of the machine.
 *
 * @param source - Path of the file, or its bytes.
 * @returns The array; its data are a `Uint8Array`, `Int8Array`, `Int16Array`, `Int32Array`, `Float32Array` or `Float64Array`.
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` for a wrong magic number, an unknown type, sizes beyond
 * `maxBytes`, missing or additional bytes, or damaged gzip data; `ERR_ABORTED`.
 *
 * @example
 * ```ts
 * import { readIdx } from 'neurode'
 *
 * const bytes = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9)
 * const { data, shape } = await readIdx(bytes) // Uint8Array [7, 8, 9], [3]
 * ```
 */
export function readIdx(source: string | URL | Uint8Array, given?: ReadIdxOptions): Promise<NdArray>
export async function readIdx(
  source: string | URL | Uint8Array,
  given?: ReadIdxOptions,
  ...more: unknown[]
): Promise<NdArray> {
  refuseMore(more, 2, 'readIdx')
  const options = checkOptions(given, ['maxBytes', 'signal'], 'readIdx')
  const { maxBytes, signal } = options
  if (maxBytes !== undefined) checkDouble(maxBytes, 'maxBytes', 0)
  checkSignal(signal, 'signal')
  if (isUint8Array(source)) return readBytes(source, options)
  const path = toPath(source, 'source', 'a path or bytes')
  try {
    // A pipe would block open() for as long as nobody writes to it.
    const { size } = await regularFile(path)
    const handle = await open(path)
    return await closing(
      () => readFile(handle, size, path, options),
      () => handle.close(),
    )
  } catch (error) {
    throw asNeurodeError(error, path)
  }
}

/** Parses the bytes of an IDX file that is not gzipped. Every error message begins with `name`. */
export function parseIdx(
  bytes: Uint8Array,
  { maxBytes, name = 'data' }: { maxBytes?: number | undefined; name?: string | undefined } = {},
) {
  const decoder = new IdxDecoder(name, { exactly: bytes.length }, maxBytes)
  decoder.push(bytes)
  return decoder.finish()
}

async function readBytes(bytes: Uint8Array, options: ReadIdxOptions): Promise<NdArray> {
  const name = 'data'
  if (!isGzip(bytes)) return parseIdx(bytes, { ...options, name })
  try {
    return await inflate(Readable.from(slices(bytes), { objectMode: false }), bytes.length, name, options)
  } catch (error) {
    throw asNeurodeError(error, name)
  }
}

async function readFile(handle: FileHandle, size: number, path: string, options: ReadIdxOptions): Promise<NdArray> {
  const buffer = Buffer.alloc(Math.min(chunkBytes, size + 1))
  let { bytesRead } = await handle.read(buffer, 0, buffer.length, null)
  if (isGzip(buffer.subarray(0, bytesRead))) {
    const stream = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: chunkBytes })
    return inflate(stream, size, path, options)
  }
  const decoder = new IdxDecoder(path, { exactly: size }, options.maxBytes)
  while (bytesRead > 0) {
    options.signal?.throwIfAborted()
    decoder.push(buffer.subarray(0, bytesRead))
    bytesRead = (await handle.read(buffer, 0, buffer.length, null)).bytesRead
  }
  return decoder.finish()
}

async function inflate(compressed: Readable, size: number, name: string, options: ReadIdxOptions): Promise<NdArray> {
  const decoder = new IdxDecoder(name, { atMost: size * maxDeflateRatio }, unpackedLimit(options.maxBytes, size))
  const gunzip = createGunzip({ chunkSize: chunkBytes })
  let failure: unknown
  const sink = async (chunks: AsyncIterable<Buffer>) => {
    try {
      for await (const chunk of chunks) decoder.push(chunk)
    } catch (error) {
      failure = error
      throw error
    }
  }
  try {
    await pipeline(compressed, gunzip, sink, options.signal ? { signal: options.signal } : {})
  } catch (error) {
    // After a failure of the decoder the streams fail as well, and pipeline may report their error instead.
    throw failure ?? error
  }
  const rest = size - gunzip.bytesWritten
  if (rest !== 0)
    throw new NeurodeError('ERR_FILE_FORMAT', `${name}: expected the end after the gzip data, got ${rest} more bytes`)
  return decoder.finish()
}

/** Decodes a file from pieces of any size. It allocates the array after the sizes in the header were found to be possible. */
class IdxDecoder {
  readonly #name: string
  readonly #length: { readonly exactly?: number | undefined; readonly atMost?: number | undefined }
  readonly #maxBytes: number
  readonly #header = new Uint8Array(fixedHeaderBytes + 4 * 255)
  #headerBytes = 0
  #headerNeeded = fixedHeaderBytes
  #type: ElementType | undefined
  #shape: number[] | undefined
  #elements = new Uint8Array(0)
  #filled = 0

  constructor(name: string, length: { exactly?: number; atMost?: number }, maxBytes: number = constants.MAX_LENGTH) {
    this.#name = name
    this.#length = length
    this.#maxBytes = maxBytes
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (!this.#shape) {
      const taken = Math.min(this.#headerNeeded - this.#headerBytes, chunk.length - at)
      this.#header.set(chunk.subarray(at, at + taken), this.#headerBytes)
      this.#headerBytes += taken
      at += taken
      if (this.#headerBytes < this.#headerNeeded) return
      if (this.#type) this.#allocate()
      else this.#readType()
    }
    const rest = chunk.length - at
    if (rest > this.#elements.length - this.#filled) this.#fail(`${this.#declared()}, got more`)
    this.#elements.set(at === 0 ? chunk : chunk.subarray(at), this.#filled)
    this.#filled += rest
  }

  finish(): NdArray {
    const shape = this.#shape
    if (!shape || !this.#type) this.#fail(`expected a header of ${this.#headerNeeded} bytes, got ${this.#headerBytes}`)
    if (this.#filled < this.#elements.length) this.#fail(`${this.#declared()}, got ${this.#filled}`)
    const bytes = Buffer.from(this.#elements.buffer)
    if (endianness() === 'LE') swapBytes(bytes, this.#type.bytes)
    return Object.freeze(new ShapedArray(this.#type.view(this.#elements.buffer), Object.freeze(shape)))
  }

  #readType(): void {
    const [first, second, code, rank] = this.#header as unknown as [number, number, number, number]
    if (first !== 0 || second !== 0) {
      this.#fail(
        `expected an IDX file (first two bytes 0) or a gzipped one, got the bytes ${hex(first)} ${hex(second)}`,
      )
    }
    this.#type = elementTypes.get(code)
    if (!this.#type) {
      const known = [...elementTypes].map(([value, { name }]) => `${hex(value)} (${name})`).join(', ')
      this.#fail(`expected one of the element types ${known}, got ${hex(code)}`)
    }
    this.#headerNeeded += 4 * rank
  }

  #allocate(): void {
    const header = new DataView(this.#header.buffer, fixedHeaderBytes, this.#headerBytes - fixedHeaderBytes)
    const shape = Array.from({ length: header.byteLength / 4 }, (_, i) => header.getUint32(4 * i))
    const bytes = shape.includes(0) ? 0 : elementCount(shape) * (this.#type as ElementType).bytes
    const declared = `${bytes} bytes of elements as its header declares (${shapeText(shape)})`
    const { exactly, atMost } = this.#length
    if (exactly !== undefined && exactly - this.#headerBytes !== bytes) {
      this.#fail(`expected ${declared}, got ${exactly - this.#headerBytes}`)
    }
    if (atMost !== undefined && atMost < bytes) this.#fail(`expected ${declared}, got gzip data too short for that`)
    if (bytes > this.#maxBytes)
      this.#fail(`expected at most ${this.#maxBytes} bytes of elements, as maxBytes says, got a header for ${bytes}`)
    try {
      this.#elements = new Uint8Array(bytes)
    } catch (cause) {
      this.#fail(`${bytes} bytes of elements do not fit into memory`, cause)
    }
    this.#shape = shape
  }

  #declared(): string {
    return `expected ${this.#elements.length} bytes of elements as its header declares (${shapeText(this.#shape ?? [])})`
  }

  #fail(problem: string, cause?: unknown): never {
    throw new NeurodeError('ERR_FILE_FORMAT', `${this.#name}: ${problem}`, cause === undefined ? {} : { cause })
  }
}

function swapBytes(bytes: Buffer, width: number): void {
  if (width === 2) bytes.swap16()
  if (width === 4) bytes.swap32()
  if (width === 8) bytes.swap64()
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

async function regularFile(path: string) {
  const stats = await stat(path)
  if (stats.isFile()) return stats
  const kind = stats.isDirectory() ? 'a folder' : 'a device or pipe'
  throw new NeurodeError('ERR_FILE_FORMAT', `${path}: expected a file, got ${kind}`)
}

function asNeurodeError(error: unknown, name: string): NeurodeError {
  if (error instanceof NeurodeError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const failure = (...[kind, text]: [NeurodeError['code'], string]) =>
    new NeurodeError(kind, `${name}: ${text}`, { cause: error })
  if ((error as Error).name === 'AbortError') return failure('ERR_ABORTED', 'reading was aborted')
  if (code === 'ENOENT' || code === 'ENOTDIR') return failure('ERR_FILE_NOT_FOUND', 'there is no such file')
  if (code === 'Z_BUF_ERROR') return failure('ERR_FILE_FORMAT', 'the gzip data ends too early')
  if (code.startsWith('Z_')) return failure('ERR_FILE_FORMAT', `the gzip data is damaged (${message})`)
  return failure('ERR_FILE_FORMAT', `the file cannot be read (${message})`)
}

function shapeText(shape: readonly number[]): string {
  return shape.length > 8 ? `${shape.length} dimensions` : `shape ${formatShape(shape)}`
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}
