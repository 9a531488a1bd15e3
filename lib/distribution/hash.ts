/** Hashes of arrays, which ranks compare. */

/** A short hash of the memory of arrays. */
export function hashOf(arrays: readonly ArrayBufferView[]): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  return hash.digest('hex').slice(0, 16)
}

export const hashOfText = (text: string): string => hashOf([Buffer.from(text)])
