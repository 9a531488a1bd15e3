/** Training a neuron in plain arithmetic, with the right slope and with the one that tutorials print. */

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/**
 * The slope of the sigmoid, from its output. `as printed` applies the sigmoid to that output once more, which is the tutorials'
 * mistake.
 */
const slopes = {
  true: (out: number) => out * (1 - out),
  'as printed': (out: number) => sigmoid(out) * (1 - sigmoid(out)),
}

/** Trains for 10,000 steps along error × slope × input, with a learning rate of 0.05. */
export function trainByHand(
  inputs: readonly (readonly number[])[],
  targets: readonly number[],
  initial: readonly number[],
  initialBias: number | undefined,
  slope: keyof typeof slopes,
) {
  const weights = [...initial]
  let bias = initialBias ?? 0
  const predict = (row: readonly number[]) =>
    sigmoid(row.reduce((sum, value, i) => sum + value * (weights[i] as number), bias))
  for (let iteration = 0; iteration < 10_000; iteration++) {
    const deltas = inputs.map((row, i) => {
      const out = predict(row)
      return (out - (targets[i] as number)) * slopes[slope](out)
    })
    for (const [i, delta] of deltas.entries()) {
      inputs[i]?.forEach((value, k) => {
        weights[k] = (weights[k] as number) - 0.05 * delta * value
      })
      if (initialBias !== undefined) bias -= 0.05 * delta
    }
  }
  return { weights, bias, predictions: inputs.map(predict) }
}
