/** Where each number stands in what a range gives, `NativeSums`. From `metrics` on there is one for each metric. */
export const sumAt = { batches: 0, rows: 1, loss: 2, counted: 3, weight: 4, penalty: 5, metrics: 6 } as const
