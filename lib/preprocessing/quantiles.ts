/** Boundaries of bins with about as many values each, from batches of any number of values in little memory. */

/** Values in rising order, and how many values each stands for. */
interface Summary {
  readonly values: Float64Array
  readonly weights: Float64Array
}

/** The value at `at` on the line through points whose `x` rise; the ends continue as they are. */
function interpolated(at: number, x: Float64Array, y: Float64Array, from: number): number {
  if (from === 0) return y[0] as number
  if (from === x.length) return y[from - 1] as number
  const [x0, x1] = [x[from - 1] as number, x[from] as number]
  const [y0, y1] = [y[from - 1] as number, y[from] as number]
  return y0 + ((y1 - y0) / (x1 - x0)) * (at - x0)
}

/** A summary of about `1 / epsilon` values; a smaller one stays as it is. */
function compress({ values, weights }: Summary, epsilon: number): Summary {
  if (values.length * epsilon < 1) return { values, weights }
  const sums = new Float64Array(weights.length)
  let total = 0
  for (let i = 0; i < sums.length; i++) {
    total += weights[i] as number
    sums[i] = total
  }
  const shares = sums.map((sum) => sum / total)
  const count = Math.ceil(1 / epsilon)
  const compressed = { values: new Float64Array(count), weights: new Float64Array(count) }
  let before = 0
  for (let i = 0, from = 0; i < count; i++) {
    const share = epsilon + i * epsilon
    while (from < shares.length && (shares[from] as number) < share) from++
    const sum = interpolated(share, shares, sums, from)
    compressed.values[i] = Math.fround(interpolated(share, shares, values, from))
    compressed.weights[i] = Math.fround(sum - before)
    before = sum
  }
  return compressed
}

function merged(one: Summary, other: Summary): Summary {
  const count = one.values.length + other.values.length
  const both = { values: new Float64Array(count), weights: new Float64Array(count) }
  for (let i = 0, a = 0, b = 0; i < count; i++) {
    const takesOne = b === other.values.length || (one.values[a] as number) <= (other.values[b] as number)
    const from = takesOne ? one : other
    const at = takesOne ? a++ : b++
    both.values[i] = from.values[at] as number
    both.weights[i] = from.weights[at] as number
  }
  return both
}

/** Learns the shares of values, batch after batch. */
export class Quantiles {
  readonly #epsilon: number
  #summary: Summary = { values: new Float64Array(0), weights: new Float64Array(0) }

  /** With a larger `epsilon`, less is kept and boundaries are coarser. */
  constructor(epsilon: number) {
    this.#epsilon = epsilon
  }

  /** Adds a batch; gaps are left out. */
  add(batch: Float64Array): void {
    const values = Float32Array.from(batch.filter((value) => !Number.isNaN(value))).sort()
    if (values.length === 0) return
    const step = Math.max(values.length * this.#epsilon, 1)
    const [first, stride] = [Math.floor(step - 1), Math.floor(step)]
    const taken = new Float64Array(Math.ceil((values.length - first) / stride))
    for (let i = 0; i < taken.length; i++) taken[i] = values[first + i * stride] as number
    const summary = { values: taken, weights: new Float64Array(taken.length).fill(step) }
    this.#summary = compress(merged(summary, this.#summary), this.#epsilon)
  }

  /** Whether there was no value. */
  get isEmpty(): boolean {
    return this.#summary.values.length === 0
  }

  /** At most `bins - 1` boundaries between bins; some are equal where few values differ. */
  boundaries(bins: number): Float32Array {
    const { values } = compress(this.#summary, 1 / bins)
    return Float32Array.from(values.subarray(0, values.length - 1))
  }
}
