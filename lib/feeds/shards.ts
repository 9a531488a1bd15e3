/** Batches of which each rank has some rows: the ranks tell each other what all of them need to know. */

import type { GivenTargets, InputRows, NumericArray } from '../arrays/arrays.js'
import { typeName } from '../arrays/typedArrays.js'
import { bytesOf } from '../distribution/bytes.js'
import { failure, type Ranks } from '../distribution/ranks.js'

/** The rows and targets of a batch. */
export type BatchRows = readonly [InputRows, GivenTargets]

/** What a rank says of its rows, before their arrays. */
interface Head {
  /** 0: its batches have ended. */
  readonly rows: number
  /** What has to be the same on all ranks. */
  readonly form: Readonly<Record<string, unknown>>
}

/**
 * Makes a batch of the rows of all ranks; undefined on all of them where the batches of one have ended. All get all targets and
 * weights. Only where a rank is to compute other rows than its own (`sharesInput`), the inputs are shared as well, and are 0 otherwise.
 */
export async function joinShards(
  ranks: Ranks,
  own: BatchRows | undefined,
  sharesInput: boolean,
): Promise<BatchRows | undefined> {
  const all = (await ranks.agree('batch', encode(own, sharesInput))).map(decode)
  if (own === undefined || all.some(({ head }) => head.rows === 0)) return undefined
  ranks.refuseDifferent(all.map(({ head }) => head.form))
  const rows = all.reduce((sum, { head }) => sum + head.rows, 0)
  const begins = all.map((_, rank) => Math.floor((rows * rank) / all.length))
  for (const [rank, { head }] of all.entries()) {
    const share = (begins[rank + 1] ?? rows) - (begins[rank] as number)
    if (head.rows === share) continue
    throw failure(`x: expected ${share} rows of a batch of ${rows} from rank ${rank}, got ${head.rows}`)
  }
  const [input, targets] = own
  const begin = begins[ranks.cluster.rank] as number
  const arrays = arraysOf(own)
  const whole = arrays.map((array, i) => {
    if (array === undefined) return undefined
    const rowLength = array.length / input.rows
    const joined = new (array.constructor as new (length: number) => NumericArray)(rows * rowLength)
    if (i === 0 && !sharesInput) joined.set(array, begin * rowLength)
    else
      putBytes(
        joined,
        all.map(({ bytes }) => bytes[i] as Uint8Array),
      )
    return joined
  })
  const [data, values, weights, ...raw] = whole
  return [
    { ...input, data, rows, lent: false } as InputRows,
    {
      ...targets,
      data: values,
      rows,
      lent: false,
      ...(weights === undefined ? {} : { weights }),
      ...(targets.raw === undefined ? {} : { raw }),
    } as GivenTargets,
  ]
}

/** The arrays of a batch with a row of each for each of its rows: inputs, targets, weights, and the targets of the user's functions. */
function arraysOf([input, targets]: BatchRows): readonly (NumericArray | undefined)[] {
  return [input.data, targets.data, targets.weights, ...(targets.raw ?? [])]
}

function formOf([input, targets]: BatchRows): Head['form'] {
  const { data: _, rows: __, lent: ___, weights, raw, ...kind } = targets
  const arrays = arraysOf([input, targets])
  return {
    'the elements of its batches': arrays.map((array) => array && [typeName(array), array.length / input.rows]),
    'the scale of its inputs': [input.scale, input.offset],
    'the kind of its targets': kind,
  }
}

/** Sizes, the head as JSON, and the arrays. */
function encode(own: BatchRows | undefined, sharesInput: boolean): Buffer {
  const shared = own === undefined ? [] : arraysOf(own).map((array, i) => (i === 0 && !sharesInput ? undefined : array))
  const pieces = shared.map((array) => (array === undefined ? Buffer.alloc(0) : bytesOf(array)))
  const head: Head = own === undefined ? { rows: 0, form: {} } : { rows: own[0].rows, form: formOf(own) }
  const text = Buffer.from(JSON.stringify(head))
  const sizes = [pieces.length, text.length, ...pieces.map(({ length }) => length)]
  return Buffer.concat([bytesOf(Float64Array.from(sizes)), text, ...pieces])
}

function decode(contents: Uint8Array): { readonly head: Head; readonly bytes: readonly Uint8Array[] } {
  const buffer = bytesOf(contents)
  const sizeAt = (i: number) => buffer.readDoubleLE(8 * i)
  const pieces = sizeAt(0)
  let at = 8 * (2 + pieces)
  const next = (length: number) => {
    at += length
    return buffer.subarray(at - length, at)
  }
  const head = JSON.parse(next(sizeAt(1)).toString()) as Head
  return { head, bytes: Array.from({ length: pieces }, (_, i) => next(sizeAt(2 + i))) }
}

function putBytes(array: NumericArray, pieces: readonly Uint8Array[]): void {
  const bytes = bytesOf(array)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
}
