/** Runs ranges of batches together with other ranks: each computes its part, and all get the sums of all. */

import { bytesOf } from '../distribution/bytes.js'
import type { Ranks } from '../distribution/ranks.js'
import type { NativeEvaluateRange, NativeSums, NativeTrainRange } from '../native/addon.js'
import { sumAt } from '../native/sums.js'

/** Floats that a range captured, and the places among them that this rank has filled or is to be given. */
type Pieces = readonly Float32Array[]

/** How many rows the bound data of a range have. */
export interface Sized {
  readonly rows: number
}

/** Trains on a range whose batches are cut into parts. */
export async function trainByRanks(
  ranks: Ranks,
  range: NativeTrainRange & Sized,
  train: () => Promise<NativeSums>,
): Promise<NativeSums> {
  const own = await ranks.together(train)
  const pieces = (rank: number) => trainedPieces(range, rank, ranks.cluster.size)
  const all = await share(ranks, own, pieces)
  const total = addUp(all)
  // A range without an update is no step of all ranks, and may have been cancelled on some of them alone.
  total[sumAt.batches] = Math.min(...all.map((sums) => sums[sumAt.batches] as number))
  return total[sumAt.batches] === 0 ? total.fill(0) : total
}

/** Evaluates a range: each rank has some of the batches, in the order of the ranks. */
export async function evaluateByRanks(
  ranks: Ranks,
  range: NativeEvaluateRange & Sized,
  evaluate: (own: NativeEvaluateRange) => Promise<NativeSums>,
): Promise<NativeSums> {
  const { batches, batchSize, captured } = range
  const rows = rowsOf(range)
  const { rank, size } = ranks.cluster
  const begin = (of: number) => Math.floor((batches * of) / size)
  const rowAt = (batch: number) => Math.min(batch * batchSize, rows)
  const floats = captured === undefined ? 0 : captured.length / rows
  const between = (from: number, to: number) => captured?.subarray(rowAt(from) * floats, rowAt(to) * floats)
  const sums: NativeSums[] = []
  for (let batch = begin(rank); batch < begin(rank + 1); ) {
    const count = begin(rank + 1) - batch
    const own = {
      ...range,
      firstBatch: range.firstBatch + batch,
      batches: count,
      captured: between(batch, batch + count),
    }
    const done = await evaluate(own)
    sums.push(done)
    // Cancelled work goes on: other ranks need its sums.
    batch += done[sumAt.batches] as number
  }
  const pieces = (of: number) => [between(begin(of), begin(of + 1)) ?? new Float32Array(0)]
  return addUp(await share(ranks, addUp(sums), pieces))
}

/** What a rank has of the captured rows of a range: its part of each batch. */
function trainedPieces(range: NativeTrainRange & Sized, rank: number, size: number): Pieces {
  const { captured, batchSize } = range
  if (captured === undefined) return []
  const rows = rowsOf(range)
  const floats = captured.length / rows
  const pieces: Float32Array[] = []
  for (let first = 0; first < rows; first += batchSize) {
    const count = Math.min(batchSize, rows - first)
    const at = (of: number) => (first + Math.floor((count * of) / size)) * floats
    pieces.push(captured.subarray(at(rank), at(rank + 1)))
  }
  return pieces
}

/** Gives each rank the sums of all ranks, and the captured rows that others have. */
async function share(ranks: Ranks, own: NativeSums, pieces: (rank: number) => Pieces): Promise<NativeSums[]> {
  const { rank } = ranks.cluster
  const contents = Buffer.concat([
    bytesOf(Uint32Array.of(own.length, 0)),
    bytesOf(own),
    ...pieces(rank).map((piece) => bytesOf(piece)),
  ])
  const all = await ranks.agree('batches', contents)
  return all.map((said, of) => {
    const count = Buffer.from(said).readUInt32LE(0)
    let at = 8 + 8 * count
    for (const piece of of === rank ? [] : pieces(of)) {
      bytesOf(piece).set(said.subarray(at, at + piece.byteLength))
      at += piece.byteLength
    }
    return new Float64Array(Uint8Array.from(said.subarray(8, 8 + 8 * count)).buffer)
  })
}

/** Adds sums up in their order, so that every rank gets the same bits. Ranks without batches have no sums. */
function addUp(all: readonly NativeSums[]): Float64Array {
  const total = new Float64Array(Math.max(0, ...all.map((sums) => sums.length)))
  for (const sums of all) {
    for (let i = 0; i < sums.length; i++) total[i] = (total[i] as number) + (sums[i] as number)
  }
  return total
}

/** How many rows a range has. */
function rowsOf({ firstBatch, batches, batchSize, rows }: NativeEvaluateRange & Sized): number {
  return Math.min(rows - firstBatch * batchSize, batches * batchSize)
}
