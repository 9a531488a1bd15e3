/** Puts the rows of several inputs side by side, as the native code takes them. */

import { NeurodeError } from '../base/errors.js'
import { elementCount, type InputRows, takeInput } from './arrays.js'
import { toFloats, typeName } from './typedArrays.js'

/** One of several inputs. */
export interface NamedInput {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * Reads an array for each input, as rows of its shape, and joins them to rows of all inputs: bytes if all are bytes of the same scale,
 * else float32. Throws `ERR_SHAPE` for different numbers of rows, and as {@link takeInput} does.
 */
export function sideBySide(values: readonly unknown[], inputs: readonly NamedInput[], argument: string): InputRows {
  const parts = inputs.map(({ name, shape }, i) => {
    return { ...takeInput(values[i], shape, `${argument}.${name}`), name, size: elementCount(shape) }
  })
  const { rows, scale, offset } = parts[0] as (typeof parts)[number]
  const other = parts.find((part) => part.rows !== rows)
  if (other !== undefined) {
    const text = `${argument}.${other.name}: expected ${rows} rows, as many as ${argument}.${inputs[0]?.name} has`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${other.rows}`)
  }
  const areBytes = parts.every((part) => {
    return /^Uint8/.test(typeName(part.data)) && part.scale === scale && part.offset === offset
  })
  const columns = parts.reduce((sum, { size }) => sum + size, 0)
  if (areBytes) {
    const joined = join(parts as { data: Uint8Array; size: number }[], new Uint8Array(rows * columns), columns)
    return { data: joined, scale, offset, rows, lent: false }
  }
  const floats = parts.map((part) => {
    return { size: part.size, data: toFloats(part.data, part.scale, part.offset, `${argument}.${part.name}`) }
  })
  return { data: join(floats, new Float32Array(rows * columns), columns), scale: 1, offset: 0, rows, lent: false }
}

function join<T extends Uint8Array | Float32Array>(
  parts: readonly { readonly data: T; readonly size: number }[],
  joined: T,
  columns: number,
): T {
  let begin = 0
  for (const { data, size } of parts) {
    for (let from = 0, to = begin; from < data.length; from += size, to += columns) {
      for (let i = 0; i < size; i++) joined[to + i] = data[from + i] as number
    }
    begin += size
  }
  return joined
}
