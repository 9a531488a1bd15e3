/** Digests and random names, by a part of Node that is not loaded before one is wanted. */

import type { Hash } from 'node:crypto'

export function createSha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256')
}

/** Random bytes as hexadecimal digits. */
export function randomHex(bytes: number): string {
  return process.getBuiltinModule('node:crypto').randomBytes(bytes).toString('hex')
}
