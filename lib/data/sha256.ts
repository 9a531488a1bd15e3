/** Digests, by a part of Node that is not loaded before one is wanted. */

import type { Hash } from 'node:crypto'

export function createSha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256')
}
