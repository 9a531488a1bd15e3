/** Mathematical functions that several references share. */

export type Numbers = readonly number[]

export const sigmoidOf = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
export const softplusOf = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
export const clamp = (x: number, low: number, high: number): number =>
  Number.isNaN(x) ? x : Math.min(Math.max(x, low), high)
export const at = (numbers: Numbers, i: number): number => numbers[i] as number

/** erf, by its series up to 3 and by the continued fraction of erfc beyond. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = x
    let sum = x
    for (let n = 1; n < 80; n++) {
      term *= -(x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let fraction = a
  for (let n = 60; n >= 1; n--) fraction = a + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI)))
}

export const softmaxOf = (x: Numbers): number[] => {
  const max = Math.max(...x)
  const exps = x.map((v) => Math.exp(v - max))
  const sum = exps.reduce((a, b) => a + b, 0)
  return exps.map((v) => v / sum)
}
export const logSumExp = (x: Numbers): number => {
  const max = Math.max(...x)
  return max + Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0))
}

export const total = (x: Numbers): number => x.reduce((sum, v) => sum + v, 0)
export const mean = (x: Numbers): number => total(x) / x.length
export const dot = (x: Numbers, y: Numbers): number => x.reduce((sum, v, i) => sum + v * at(y, i), 0)
