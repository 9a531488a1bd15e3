/** The memory of arrays, which ranks exchange and compare. */

/** The bytes of an array, in the same memory. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}
