/** SHA-256 digests and random names. `node:crypto` is loaded on first use only. */

import type { Hash } from 'node:crypto'

export function createSha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256')
}

/** Random bytes as hexadecimal digits. */
export function randomHex(bytes: number): string {
  return process.getBuiltinModule('node:crypto').randomBytes(bytes).toString('hex')
}
