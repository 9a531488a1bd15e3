/** The UTF-8 bytes of texts: to be hashed, and for their order. */

const encoder = new TextEncoder()
const shared = new Uint8Array(3 * 1024)

/** The UTF-8 bytes of a text, valid until the next call. A lone surrogate is U+FFFD. */
export function bytesOf(text: string): Uint8Array {
  const { length } = text
  if (length * 3 > shared.length) return encoder.encode(text)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return shared.subarray(0, encoder.encodeInto(text, shared).written)
    shared[i] = code
  }
  return shared.subarray(0, length)
}

/** Moves surrogates, which stand for code points from 2^16, above all other UTF-16 units. */
const rank = (unit: number) => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** Compares texts by their UTF-8 bytes, which is the order of code points. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [one, other] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (one !== other) return rank(one) - rank(other)
  }
  return a.length - b.length
}
