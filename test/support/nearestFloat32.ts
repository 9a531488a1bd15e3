/** The float32 nearest to a decimal, by exact arithmetic: `Math.fround(Number(text))` rounds twice. */

/** The float32 nearest to the text of a JSON number, ties to even. */
export function nearestFloat32(text: string): number {
  const [, sign, whole, fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(
    text,
  ) as RegExpExecArray
  const exponent = Number(power) - fraction.length
  const numerator = BigInt(`${whole}${fraction}`) * 10n ** BigInt(Math.max(0, exponent))
  const denominator = 10n ** BigInt(Math.max(0, -exponent))
  const guess = bitsOf(Math.min(Math.abs(Math.fround(Number(text))), largest))
  const candidates = [guess - 1, guess, guess + 1].filter((bits) => bits >= 0)
  /** 2^149 · denominator · |text - candidate|: every float32 is a multiple of 2^-149. */
  const distance = (bits: number) => {
    const difference = numerator * 2n ** 149n - denominator * multiples(bits)
    return difference < 0n ? -difference : difference
  }
  const nearest = candidates.reduce((a, b) => {
    const [toA, toB] = [distance(a), distance(b)]
    if (toA === toB) return a % 2 === 0 ? a : b
    return toA < toB ? a : b
  })
  const value = new Float32Array(Uint32Array.of(nearest).buffer)[0] as number
  return sign === '-' ? -value : value
}

const largest = 3.4028234663852886e38

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number
}

/** The value of a float32 in multiples of 2^-149. For infinity it is 2^128, from where on rounding gives infinity. */
function multiples(bits: number): bigint {
  const exponent = bits >>> 23
  const mantissa = BigInt(bits & 0x7fffff)
  return exponent === 0 ? mantissa : (mantissa + 0x800000n) << BigInt(exponent - 1)
}
