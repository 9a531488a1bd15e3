/** Histograms as TensorBoard stores them. */

import type { HistogramBucket } from './types.js'

const bucketCount = 30

/**
 * Counts values in 30 buckets of one width, from the least value to the largest. Values that are not finite are left out; equal
 * values are one bucket around them, and none no bucket.
 */
export function histogramOf(values: ArrayLike<number>): HistogramBucket[] {
  let low = Infinity
  let high = -Infinity
  let total = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
    total++
  }
  if (total === 0) return []
  if (low === high) return [{ left: low - 0.5, right: high + 0.5, count: total }]
  const counts = new Float64Array(bucketCount)
  const width = (high - low) / bucketCount
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (Number.isFinite(value)) (counts[Math.min(Math.floor((value - low) / width), bucketCount - 1)] as number) += 1
  }
  const edge = (i: number) => (i === bucketCount ? high : low + i * width)
  return Array.from(counts, (count, i) => ({ left: edge(i), right: edge(i + 1), count }))
}
