/** Kinds of memory in which a caller's arrays may be, and how it may be changed or taken away. */

import type { NumericArray } from '#lib/arrays/arrays.js'

/** Arrays by the argument for which they are given. */
export type Arrays = Readonly<Record<string, NumericArray>>

/** A kind of memory. */
export interface Memory {
  readonly name: string
  /** Whether arrays are empty after the memory is taken away. */
  readonly empties: boolean
  /** Makes an array in this memory with these values, and a function that changes the values and takes the memory away. */
  readonly make: (values: NumericArray) => { readonly array: NumericArray; readonly take: () => void }
}

type View = new (buffer: ArrayBufferLike, offset?: number, length?: number) => NumericArray
type Transferable = ArrayBuffer & { transfer?: () => ArrayBuffer }
type Resizable = ArrayBuffer & { resize: (length: number) => void }
export const ResizableBuffer = ArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => Resizable

/** Overwrites the memory with other values, so that a later read changes a result. */
const overwrite = (buffer: ArrayBufferLike) => new Uint8Array(buffer).fill(1)

function inBuffer<B extends ArrayBufferLike>(
  values: NumericArray,
  buffer: B,
  take: (buffer: B, array: NumericArray) => void,
) {
  const array = new (values.constructor as View)(buffer, 0, values.length)
  array.set(values)
  return { array, take: () => take(buffer, array) }
}

export const memories: readonly Memory[] = [
  {
    name: 'changed in place',
    empties: false,
    make: (values) => inBuffer(values, new ArrayBuffer(values.byteLength), overwrite),
  },
  {
    name: 'shared and changed',
    empties: false,
    make: (values) => inBuffer(values, new SharedArrayBuffer(values.byteLength), overwrite),
  },
  {
    name: 'transferred with structuredClone',
    empties: true,
    make: (values) =>
      inBuffer(values, new ArrayBuffer(values.byteLength), (buffer) => {
        overwrite(structuredClone(buffer, { transfer: [buffer] }))
      }),
  },
  {
    name: 'transferred with transfer()',
    empties: true,
    make: (values) =>
      inBuffer(values, new ArrayBuffer(values.byteLength) as Transferable, (buffer) => {
        // Node 20 has no `transfer`.
        overwrite(buffer.transfer?.() ?? structuredClone(buffer, { transfer: [buffer] }))
      }),
  },
  {
    name: 'shrunk',
    empties: true,
    make: (values) =>
      inBuffer(values, new ResizableBuffer(values.byteLength, { maxByteLength: 2 * values.byteLength }), (buffer) => {
        overwrite(buffer)
        buffer.resize(0)
      }),
  },
  {
    name: 'WebAssembly memory that grows',
    empties: true,
    make: (values) => {
      const memory = new WebAssembly.Memory({ initial: 1 + Math.ceil(values.byteLength / 65_536) })
      return inBuffer(values, memory.buffer, () => {
        memory.grow(1)
        overwrite(memory.buffer)
      })
    },
  },
]
