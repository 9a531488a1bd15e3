/** Where each number stands in what a range gives, `NativeSums`; `loss`, `counted` and `weight` are those of the first head. */
export const sumAt = { batches: 0, rows: 1, loss: 2, counted: 3, weight: 4, penalty: 5 } as const

/** Where the loss of a head stands, followed by its `counted` and `weight`. */
export const headAt = (head: number): number => (head === 0 ? sumAt.loss : sumAt.penalty + 1 + 3 * (head - 1))

/** Where the metrics of all heads stand, head by head. */
export const metricsAt = (heads: number): number => headAt(heads)
