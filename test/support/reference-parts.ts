/** A normalization by the statistics of parts of a batch, with a dense unit behind it, in float64. */

/**
 * A step of gradient descent by the mean squared error. `weights`, which it changes, are gamma, beta, moving mean, moving variance, kernel
 * and bias; `data` is (count, 3). The momentum of the moving statistics is 0.8, and epsilon 0.01.
 */
export function normalizedStep(
  weights: number[][],
  data: Float32Array,
  targets: Float32Array,
  { count, parts, rate }: { count: number; parts: number; rate: number },
): void {
  const [gamma, beta, movingMean, movingVariance, kernel, bias] = weights as [
    number[],
    number[],
    number[],
    number[],
    number[],
    [number],
  ]
  const zeros = () => [0, 0, 0]
  const [dGamma, dBeta, dKernel, means, variances] = [zeros(), zeros(), zeros(), zeros(), zeros()]
  let dBias = 0
  for (let part = 0; part < parts; part++) {
    const begin = Math.floor((count * part) / parts)
    const end = Math.floor((count * (part + 1)) / parts)
    const size = end - begin
    const at = (row: number, f: number) => data[row * 3 + f] as number
    const rowsOf = Array.from({ length: size }, (_, i) => begin + i)
    const sum = (of: (row: number) => number) => rowsOf.reduce((total, row) => total + of(row), 0)
    const mean = zeros().map((_, f) => sum((row) => at(row, f)) / size)
    const variance = zeros().map((_, f) => sum((row) => (at(row, f) - (mean[f] as number)) ** 2) / size)
    const normal = (row: number, f: number) =>
      (at(row, f) - (mean[f] as number)) / Math.sqrt((variance[f] as number) + 0.01)
    const slopes = rowsOf.map((row) => {
      const output = zeros().reduce(
        (total, _, f) => total + (normal(row, f) * (gamma[f] as number) + (beta[f] as number)) * (kernel[f] as number),
        bias[0],
      )
      return (2 * (output - (targets[row] as number))) / count
    })
    rowsOf.forEach((row, i) => {
      const slope = slopes[i] as number
      dBias += slope
      for (let f = 0; f < 3; f++) {
        const normalized = normal(row, f)
        dKernel[f] = (dKernel[f] as number) + slope * (normalized * (gamma[f] as number) + (beta[f] as number))
        dGamma[f] = (dGamma[f] as number) + slope * (kernel[f] as number) * normalized
        dBeta[f] = (dBeta[f] as number) + slope * (kernel[f] as number)
      }
    })
    for (let f = 0; f < 3; f++) {
      means[f] = (means[f] as number) + ((mean[f] as number) * size) / count
      variances[f] = (variances[f] as number) + ((variance[f] as number) * size) / count
    }
  }
  const descend = (values: number[], slopes: readonly number[]) => {
    for (const [f, slope] of slopes.entries()) values[f] = (values[f] as number) - rate * slope
  }
  const follow = (moving: number[], now: readonly number[]) => {
    for (const [f, value] of now.entries()) moving[f] = 0.8 * (moving[f] as number) + 0.2 * value
  }
  descend(gamma, dGamma)
  descend(beta, dBeta)
  descend(kernel, dKernel)
  descend(bias, [dBias])
  follow(movingMean, means)
  follow(movingVariance, variances)
}
