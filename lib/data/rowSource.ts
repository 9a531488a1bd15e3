/** Reads rows of npy and IDX files piece by piece, for data that do not fit into memory. */

import { type FileHandle, open } from 'node:fs/promises'
import { isFloat32Array, isUint8Array } from 'node:util/types'
import { type ArrayInput, type ArrayOptions, elementCount, formatShape, type NumericArray } from '../arrays/arrays.js'
import { putFloats } from '../arrays/typedArrays.js'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, checkNumber, checkOptions, refuse } from '../checks/validate.js'
import { damaged, fileError, readInto, toPath, whileOpen } from '../files/files.js'
import { type DType, dtypes } from '../formats/dtypes.js'
import { decodeElements, npyHeaderLength, npyStartBytes, parseNpyHeader } from '../formats/npy.js'

/** Rows in memory, or in a file that {@link openNpy} or {@link openIdx} opened. */
export type DataInput = ArrayInput | RowSource

interface Layout {
  readonly dtype: DType
  readonly bigEndian: boolean
  readonly shape: readonly number[]
  /** Number of bytes before the first element. */
  readonly start: number
}

/** What identifies a file's content, to detect changes between two times it is opened. */
interface Identity {
  readonly size: number
  readonly header: Uint8Array
}

/**
 * Rows of an array in a file; made by {@link openNpy} or {@link openIdx}. The file is open only while it is read: `fit`, `evaluate`
 * and {@link RowSource.read} open it and close it when they end.
 */
export class RowSource {
  /** Path of the file. */
  readonly path: string
  /** Number of rows. */
  readonly rows: number
  /** Shape of one row. */
  readonly rowShape: readonly number[]
  /** Element type in the file. */
  readonly dtype: DType
  /** Every element is multiplied by this. */
  readonly scale: number
  /** This is added to every scaled element. */
  readonly offset: number
  readonly #layout: Layout
  readonly #identity: Identity
  readonly #rowElements: number
  readonly #isPlain: boolean
  /** The open file; it is closed when `#holders` is 0. */
  #file: Promise<FileHandle> | undefined
  #holders = 0
  #closed = false

  /** @internal */
  constructor(path: string, layout: Layout, identity: Identity, { scale = 1, offset = 0 }: ArrayOptions) {
    const [rows = 1, ...rowShape] = layout.shape
    this.path = path
    this.rows = rows
    this.rowShape = Object.freeze(rowShape)
    this.dtype = layout.dtype
    this.scale = checkNumber(scale, 'scale')
    this.offset = checkNumber(offset, 'offset')
    this.#layout = layout
    this.#identity = identity
    this.#rowElements = elementCount(rowShape)
    this.#isPlain = layout.dtype === 'uint8' || (layout.dtype === 'float32' && !layout.bigEndian)
  }

  /** Size in bytes of one row in memory: bytes stay bytes, other elements become float32. */
  get rowBytes(): number {
    return this.#rowElements * (this.dtype === 'uint8' ? 1 : 4)
  }

  /** Number of elements in one row. */
  get rowElements(): number {
    return this.#rowElements
  }

  /**
   * Reads `count` rows, beginning with row `from`. Scale and offset are not applied. Rejects with `ERR_FILE_FORMAT` if the file
   * changed, `ERR_FILE_NOT_FOUND` if it no longer exists, `ERR_DISPOSED` after {@link RowSource.close}.
   */
  async read(from: number, count: number): Promise<NumericArray> {
    this.#checkRange(from, count)
    const { dtype, bigEndian, start } = this.#layout
    const width = this.#rowElements * dtypes[dtype].bytes
    const bytes = new Uint8Array(count * width)
    await this.#fill(bytes, start + from * width)
    const shape = [bytes.length / dtypes[dtype].bytes]
    return decodeElements(bytes, { dtype, bigEndian, fortranOrder: false, shape, length: start }, this.path)
  }

  /** Like {@link RowSource.read}, but writes the elements as bytes or float32 to `out`, beginning at element `at`. */
  async readInto(out: Uint8Array | Float32Array, at: number, from: number, count: number): Promise<void> {
    this.#checkRange(from, count)
    if (!(isUint8Array(out) || isFloat32Array(out))) refuse('out', 'a Uint8Array or a Float32Array', out)
    checkInteger(at, 'at', 0, out.length - count * this.#rowElements)
    if (!this.#isPlain) {
      putFloats(out, at, await this.read(from, count), `${this.path}: rows from ${from}`)
      return
    }
    const width = this.#rowElements * out.BYTES_PER_ELEMENT
    const bytes = new Uint8Array(out.buffer, out.byteOffset + at * out.BYTES_PER_ELEMENT, count * width)
    await this.#fill(bytes, this.#layout.start + from * width)
  }

  /** @internal Opens the file and keeps it open until the returned function is called; the last caller closes it. */
  async hold(): Promise<() => Promise<void>> {
    if (this.#closed) throw new NeurodeError('ERR_DISPOSED', `${this.path}: its rows were closed`)
    this.#holders++
    this.#file ??= this.#open()
    const file = this.#file
    const release = async () => {
      this.#holders--
      if (this.#holders > 0) return
      this.#file = undefined
      await (await file).close().catch((error) => {
        throw fileError(error, this.path, 'read')
      })
    }
    try {
      await file
      return release
    } catch (error) {
      this.#holders--
      if (this.#file === file) this.#file = undefined
      throw fileError(error, this.path, 'read')
    }
  }

  /** Closes the source: later reads reject with `ERR_DISPOSED`. Closing it again does nothing. */
  async close(): Promise<void> {
    this[Symbol.dispose]()
  }

  /** {@link RowSource.close}, for `using`. */
  [Symbol.dispose](): void {
    this.#closed = true
  }

  /** {@link RowSource.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]()
  }

  #checkRange(from: number, count: number): void {
    checkInteger(from, 'from', 0, this.rows)
    checkInteger(count, 'count', 0, this.rows - from)
  }

  async #fill(bytes: Uint8Array, position: number): Promise<void> {
    const release = await this.hold()
    const read = async () => readInto(await (this.#file as Promise<FileHandle>), bytes, position, this.path)
    try {
      await closing(read, release)
    } catch (error) {
      throw fileError(error, this.path, 'read')
    }
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.path)
    try {
      const { size, header } = this.#identity
      const stats = await file.stat()
      const there = new Uint8Array(header.length)
      if (stats.size >= there.length) await readInto(file, there, 0, this.path)
      if (stats.size < size) throw damaged(this.path, 'the file became shorter since it was opened')
      if (stats.size > size || !header.every((byte, i) => byte === there[i])) {
        throw damaged(this.path, 'the file changed since it was opened: open it again')
      }
      return file
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }
}

/**
 * Opens an npy file for reading rows as they are needed, for data larger than memory. {@link readNpy} lists the element types; the
 * elements must be in C order (row-major).
 *
 * `fit` and `evaluate` accept the result as `x` or `y`. They read ahead in blocks of about 32 MB, each made of many pieces of the
 * file. With `shuffle`, the pieces are in a new order in every epoch, and the rows within a block are shuffled. Without it, the
 * batches are the same, bit for bit, as those of the same rows in memory.
 *
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`, `ERR_FILE_FORMAT`; `ERR_ARGUMENT` for a scale or offset that is not finite.
 *
 * @example
 * ```ts
 * import { array, layers, openNpy, sequential, writeNpy } from 'neurode'
 *
 * await writeNpy('example.npy', array(new Uint8Array(4000), [1000, 4]))
 * const x = await openNpy('example.npy', { scale: 1 / 255 })
 * const model = sequential([layers.dense({ units: 1, inputShape: [4] })]).compile({ loss: 'mse' })
 * await model.fit(x, new Float32Array(1000), { epochs: 2, verbose: 0 })
 * await x.close() // or: using x = …
 * ```
 */
export function openNpy(path: string | URL, options?: ArrayOptions): Promise<RowSource>
export async function openNpy(path: string | URL, options?: ArrayOptions, ...more: unknown[]): Promise<RowSource> {
  refuseMore(more, 2, 'openNpy')
  return openRows(path, options, async (read, size, name) => {
    const length = npyHeaderLength(await read(0, Math.min(npyStartBytes, size)), name)
    if (length > size) throw damaged(name, 'the file ends within its header')
    const header = parseNpyHeader(await read(0, length), name)
    if (header.fortranOrder && header.shape.length > 1) {
      throw damaged(name, 'expected an array in C order: the rows of one in Fortran order are not in one piece')
    }
    return { ...header, start: length }
  })
}

const idxTypes: ReadonlyMap<number, DType> = new Map([
  [0x08, 'uint8'],
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
])

/** Like {@link openNpy}, for an IDX file that is not gzipped. */
export function openIdx(path: string | URL, options?: ArrayOptions): Promise<RowSource>
export async function openIdx(path: string | URL, options?: ArrayOptions, ...more: unknown[]): Promise<RowSource> {
  refuseMore(more, 2, 'openIdx')
  return openRows(path, options, async (read, size, name) => {
    const [first, second, code = 0, rank = 0] = await read(0, Math.min(4, size))
    const dtype = idxTypes.get(code)
    if (first !== 0 || second !== 0 || dtype === undefined) {
      throw damaged(name, 'expected an IDX file that is not gzipped, got another beginning')
    }
    const start = 4 + 4 * rank
    if (start > size) throw damaged(name, 'the file ends within its header')
    const sizes = Buffer.from(await read(4, 4 * rank))
    const shape = Array.from({ length: rank }, (_, i) => sizes.readUInt32BE(4 * i))
    return { dtype, bigEndian: true, shape, start }
  })
}

type ReadBytes = (position: number, length: number) => Promise<Uint8Array>

async function openRows(
  target: string | URL,
  given: ArrayOptions | undefined,
  readLayout: (read: ReadBytes, size: number, name: string) => Promise<Layout>,
): Promise<RowSource> {
  const options = checkOptions(given, ['scale', 'offset'], 'options')
  const path = toPath(target, 'path')
  return whileOpen(path, async (file, size) => {
    const read: ReadBytes = async (position, length) => {
      const bytes = new Uint8Array(length)
      await readInto(file, bytes, position, path)
      return bytes
    }
    const layout = await readLayout(read, size, path)
    const { shape, dtype, start } = layout
    const declared = elementCount(shape) * dtypes[dtype].bytes
    if (size - start !== declared) {
      const text = `expected ${declared} bytes of elements for shape ${formatShape(shape)}`
      throw damaged(path, `${text}, got ${size - start}`)
    }
    if (shape.length === 0 || elementCount(shape) === 0) throw damaged(path, 'expected rows, got an array without any')
    return new RowSource(path, layout, { size, header: await read(0, start) }, options)
  })
}
