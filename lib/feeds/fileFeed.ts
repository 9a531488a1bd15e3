/** The feed of rows in files. It reads blocks ahead, each made of many pieces of the file, and binds one block at a time. */

import type { GivenTargets, HeadTargets, InputRows, NumericArray } from '../arrays/arrays.js'
import { ownRows } from '../arrays/lentRows.js'
import { emptyLike, ours } from '../arrays/typedArrays.js'
import { deriveSeed } from '../base/seeds.js'
import type { ModelCore } from '../core/core.js'
import { takeRowsOf } from '../core/inputs.js'
import type { ClassWeights } from '../core/rowWeights.js'
import { joinTargets, readHead, readSampleWeight, type WeightsGiven, weigh } from '../core/targets.js'
import { Philox } from '../data/philox.js'
import type { RowSource } from '../data/rowSource.js'
import type { NativeSums } from '../native/addon.js'
import { sumAt } from '../native/sums.js'
import { batchesAtOnce } from './captures.js'
import { BoundData, type Feed, type Reserved, type Work } from './feed.js'
import { type EpochOrder, type EpochStart, orderOf, passedOf } from './feedRange.js'

const blockBytes = 32 * 2 ** 20
/** Number of pieces in a block; if rows are shuffled, they come from all over the file. */
const piecesPerBlock = 16

/** Rows `from` (inclusive) to `to` (exclusive) of a file. */
interface Piece {
  readonly from: number
  readonly to: number
}

/** Reads the rows of several pieces into one block. */
interface BlockReader<T> {
  /** The files that are read, if any. */
  readonly sources?: readonly RowSource[] | undefined
  read(pieces: readonly Piece[], rows: number): Promise<T>
  /** Says that a block is no longer used, so that its memory can be reused. */
  release(block: T): void
}

/** Input from a file, as bytes or float32; the memory of blocks is reused. */
export class FileInput implements BlockReader<InputRows> {
  readonly sources: readonly [RowSource]
  readonly #free: ArrayBuffer[] = []

  constructor(source: RowSource) {
    this.sources = [source]
  }

  async read(pieces: readonly Piece[], rows: number): Promise<InputRows> {
    const [source] = this.sources
    const { rowBytes, rowElements, dtype, scale, offset } = source
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= rows * rowBytes)
    const [buffer = new ArrayBuffer(rows * rowBytes)] = at < 0 ? [] : this.#free.splice(at, 1)
    const type = dtype === 'uint8' ? Uint8Array : Float32Array
    const data = new type(buffer, 0, rows * rowElements)
    let row = 0
    for (const { from, to } of pieces) {
      await source.readInto(data, row * rowElements, from, to - from)
      row += to - from
    }
    return { data, scale, offset, rows, lent: false }
  }

  release({ data }: InputRows): void {
    this.#free.push(data.buffer as ArrayBuffer)
  }
}

/** Input in memory, of which pieces are copied to blocks. */
export class MemoryInput implements BlockReader<InputRows> {
  readonly #input: InputRows

  constructor(input: InputRows) {
    this.#input = ownRows(input)
  }

  async read(pieces: readonly Piece[], rows: number): Promise<InputRows> {
    return { ...this.#input, data: gather(this.#input.data, this.#input.rows, pieces, rows), rows }
  }

  release(): void {}
}

/** Targets of one output from a file. */
export class FileTargets implements BlockReader<HeadTargets> {
  readonly #core: ModelCore
  readonly #head: number
  readonly sources: readonly [RowSource]
  readonly #argument: string

  constructor(core: ModelCore, head: number, source: RowSource, argument: string) {
    this.#core = core
    this.#head = head
    this.sources = [source]
    this.#argument = argument
  }

  async read(pieces: readonly Piece[], rows: number): Promise<HeadTargets> {
    const [source] = this.sources
    const { rowShape, rowElements, scale, offset } = source
    let data = new Float64Array(0) as Awaited<ReturnType<RowSource['read']>>
    let row = 0
    for (const { from, to } of pieces) {
      const part = await source.read(from, to - from)
      if (row === 0) data = new (part.constructor as Float64ArrayConstructor)(rows * rowElements)
      data.set(part, row * rowElements)
      row += to - from
    }
    const value = { data: ours(data), shape: [rows, ...rowShape], scale, offset }
    return readHead(this.#core, this.#head, { value, argument: this.#argument }, rows)
  }

  release(): void {}
}

/** Targets of one output in memory, of which pieces are copied to blocks. */
export class MemoryTargets implements BlockReader<HeadTargets> {
  readonly targets: HeadTargets

  constructor(targets: HeadTargets) {
    this.targets = ownRows(targets)
  }

  async read(pieces: readonly Piece[], rows: number): Promise<HeadTargets> {
    const data = gather(this.targets.data, this.targets.rows, pieces, rows)
    const gathered = <A extends NumericArray>(own: A | undefined) => own && gather(own, this.targets.rows, pieces, rows)
    const { weights, raw } = this.targets
    return { ...this.targets, data, rows, weights: gathered(weights), raw: raw?.map(gathered) } as HeadTargets
  }

  release(): void {}
}

/** Targets of several outputs, each from a file or in memory. */
export class JoinedTargets implements BlockReader<GivenTargets> {
  readonly sources: readonly RowSource[]
  readonly #core: ModelCore
  readonly #parts: readonly BlockReader<HeadTargets>[]

  constructor(core: ModelCore, parts: readonly BlockReader<HeadTargets>[]) {
    this.#core = core
    this.#parts = parts
    this.sources = parts.flatMap(({ sources = [] }) => sources)
  }

  async read(pieces: readonly Piece[], rows: number): Promise<GivenTargets> {
    const parts = await Promise.all(this.#parts.map((part) => part.read(pieces, rows)))
    return joinTargets(this.#core, parts, rows)
  }

  release(): void {}
}

function gather<T extends NumericArray>(data: T, allRows: number, pieces: readonly Piece[], rows: number): T {
  const size = data.length / allRows
  const out = emptyLike(data, rows * size)
  let row = 0
  for (const { from, to } of pieces) {
    out.set(data.subarray(from * size, to * size), row * size)
    row += to - from
  }
  return out
}

interface Block {
  readonly input: InputRows
  readonly targets: GivenTargets
  /** The index of the block in the epoch. */
  readonly index: number
  readonly pieces: readonly Piece[]
  readonly rows: number
}

/** The feed of rows in files: while the device computes on one block, the next one is read. */
export class FileFeed implements Feed {
  readonly rows: number
  readonly batches: number
  readonly batchSize: number
  readonly #core: ModelCore
  readonly #input: BlockReader<InputRows>
  readonly #targets: BlockReader<GivenTargets>
  readonly #weights: Float32Array | undefined
  readonly #classWeight: ClassWeights | undefined
  readonly #pieceRows: number
  #order: EpochOrder = { shuffle: false, seed: 0, epoch: 0 }
  #plan: readonly (readonly Piece[])[] = []
  #nextBlock = 0
  #reading: Promise<Block> | undefined
  #current: (Block & { readonly bound: BoundData; batch: number }) | undefined
  #skip = 0
  /** Functions that close the files that were opened. */
  #releases: (() => Promise<void>)[] = []
  #opened = false

  constructor(
    core: ModelCore,
    input: BlockReader<InputRows>,
    targets: BlockReader<GivenTargets>,
    { rows, rowBytes }: { readonly rows: number; readonly rowBytes: number },
    batchSize: number,
    { sampleWeight, classWeight, weightArgument = 'sampleWeight' }: WeightsGiven = {},
  ) {
    this.#core = core
    this.#weights = readSampleWeight(core, sampleWeight, rows, weightArgument)
    this.#classWeight = classWeight
    this.#input = input
    this.#targets = targets
    this.rows = rows
    this.batchSize = Math.min(batchSize, rows)
    this.batches = Math.ceil(rows / this.batchSize)
    // Pieces are made of whole batches, so that only the last piece can end with a smaller one.
    const batchBytes = this.batchSize * rowBytes
    this.#pieceRows = this.batchSize * Math.max(1, Math.floor(blockBytes / piecesPerBlock / batchBytes))
  }

  async reserve(work: Reserved): Promise<void> {
    const { batchSize } = this
    const inBlock = Math.ceil((this.#pieceRows * piecesPerBlock) / batchSize)
    const batches = Math.min(this.batches, inBlock, batchesAtOnce(this.#core, batchSize))
    await this.#core.native().reserve({ batchSize, batches, ...work })
  }

  async begin(start: EpochStart): Promise<number> {
    await this.#drop()
    await this.#open()
    const passed = passedOf(start, this.batches)
    this.#order = orderOf(start)
    this.#plan = this.#planBlocks(start)
    this.#nextBlock = 0
    this.#skip = passed + start.done
    while (this.#nextBlock < this.#plan.length) {
      const batches = Math.ceil(rowsOf(this.#plan[this.#nextBlock] ?? []) / this.batchSize)
      if (this.#skip < batches) break
      this.#skip -= batches
      this.#nextBlock++
    }
    this.#readNext()
    return passed
  }

  async run(work: Work, limit: number): Promise<NativeSums | undefined> {
    this.#current ??= await this.#take()
    const block = this.#current
    if (block === undefined) return undefined
    const { batchSize } = this
    const left = Math.ceil(block.rows / batchSize) - block.batch
    const { bound, rows, batch: firstBatch } = block
    const range = {
      data: bound.handle,
      names: bound.names,
      rows,
      batchSize,
      firstBatch,
      batches: Math.min(limit, left),
    }
    const { shuffle, seed, epoch } = this.#order
    const sums = await work({ ...range, shuffle, seed: deriveSeed(seed, block.index, 'block'), epoch })
    bound.look(sums)
    block.batch += sums[sumAt.batches] as number
    if (block.batch * batchSize >= block.rows) this.#release()
    return sums
  }

  async close(): Promise<void> {
    await this.#drop()
    const released = await Promise.allSettled(this.#releases.splice(0).map((release) => release()))
    for (const each of released) if (each.status === 'rejected') throw each.reason
  }

  /** Opens the files until the feed is closed. */
  async #open(): Promise<void> {
    if (this.#opened) return
    this.#opened = true
    for (const source of [this.#input, this.#targets].flatMap(({ sources = [] }) => sources)) {
      this.#releases.push(await source.hold())
    }
  }

  /** The pieces of each block, in the order of the epoch; a piece with fewer rows comes last. */
  #planBlocks({ shuffle, seed, epoch }: EpochOrder): Piece[][] {
    const count = Math.ceil(this.rows / this.#pieceRows)
    const pieces = Array.from({ length: count }, (_, i) => {
      return { from: i * this.#pieceRows, to: Math.min(this.rows, (i + 1) * this.#pieceRows) }
    })
    if (shuffle) {
      const whole = this.rows % this.#pieceRows === 0 ? count : count - 1
      shufflePieces(pieces, whole, deriveSeed(seed, epoch % 2 ** 32, 'pieces'))
    }
    const blocks: Piece[][] = []
    for (let at = 0; at < count; at += piecesPerBlock) blocks.push(pieces.slice(at, at + piecesPerBlock))
    return blocks
  }

  #readNext(): void {
    const index = this.#nextBlock
    const pieces = this.#plan[index]
    if (pieces === undefined) return
    this.#nextBlock++
    const rows = rowsOf(pieces)
    const reading = Promise.all([this.#input.read(pieces, rows), this.#targets.read(pieces, rows)]).then(
      ([input, read]) => {
        const weights = this.#weights && gather(this.#weights, this.rows, pieces, rows)
        const targets = weigh(this.#core, read, weights, this.#classWeight)
        return { input, targets, index, pieces, rows }
      },
    )
    // A rejection is handled when the block is needed.
    reading.catch(() => {})
    this.#reading = reading
  }

  async #take() {
    const block = await this.#reading
    this.#reading = undefined
    if (block === undefined) return undefined
    this.#core.checkAlive()
    const bound = new BoundData(this.#core, block.input, block.targets, (row) => rowOfFile(block.pieces, row))
    this.#readNext()
    const batch = this.#skip
    this.#skip = 0
    return { ...block, bound, batch }
  }

  #release(): void {
    const block = this.#current
    if (block === undefined) return
    this.#current = undefined
    block.bound.release()
    this.#input.release(block.input)
    this.#targets.release(block.targets)
  }

  async #drop(): Promise<void> {
    this.#release()
    const reading = this.#reading
    this.#reading = undefined
    const block = await reading?.catch(() => undefined)
    if (block !== undefined) this.#input.release(block.input)
  }
}

/** The row of the file that a row of a block is. */
function rowOfFile(pieces: readonly Piece[], row: number): number {
  let before = 0
  for (const { from, to } of pieces) {
    if (row < before + to - from) return from + row - before
    before += to - from
  }
  return row
}

function rowsOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Shuffles the first `count` pieces by the Fisher-Yates algorithm. */
function shufflePieces(pieces: Piece[], count: number, seed: number): void {
  const random = new Philox(seed >>> 0, Math.floor(seed / 2 ** 32))
  random.seek(0)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(((random.word() >>> 0) / 2 ** 32) * (i + 1))
    const piece = pieces[i] as Piece
    pieces[i] = pieces[j] as Piece
    pieces[j] = piece
  }
}

/** A reader of blocks of input in memory. */
export function memoryInput(core: ModelCore, x: unknown, argument: string) {
  const input = takeRowsOf(core, x, argument)
  // The size is that as bytes or float32, so that pieces have the same number of rows for any element type.
  const rowBytes = (input.data.length / input.rows) * (input.data.BYTES_PER_ELEMENT === 1 ? 1 : 4)
  return { reader: new MemoryInput(input), rows: input.rows, rowBytes }
}
