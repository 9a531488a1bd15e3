/** Hashes of arrays, which ranks compare. */

import { bytesOf } from './bytes.js'

/** A short hash of the memory of arrays. */
export function hashOf(arrays: readonly ArrayBufferView[]): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  for (const array of arrays) hash.update(bytesOf(array))
  return hash.digest('hex').slice(0, 16)
}

export const hashOfText = (text: string): string => hashOf([Buffer.from(text)])
