/** Estimates the slope of a function at a point by finite differences, if they are reliable there. */

/** Evaluates a function at a distance from the point. Returns the actual distance, which is rounded to float32, and the value. */
export type Moved = (distance: number) => Promise<{ readonly distance: number; readonly value: number }>

/** Distances are powers of 2 with exponents from the largest to the smallest. */
const exponents = { largest: -4, smallest: -13 }
/** Slopes whose relative difference is at most this count as equal. */
const same = 0.0025
/** The same limit for the slopes of the two sides at the smallest distances, where rounding errors are larger. */
const sameThere = 2 * same

/**
 * The slope at distance 0; undefined if the function has a kink there or kinks on both sides, or if rounding hides the slope. The
 * distance is halved until three distances in a row give the same slope. First the central differences are examined, then each side
 * alone, as there is often a kink on one side only.
 *
 * @param scale - Slopes much smaller than this count as 0.
 */
export async function slopeAt(moved: Moved, scale: number): Promise<number | undefined> {
  const { value: here } = await moved(0)
  const right: number[] = []
  const left: number[] = []
  const size = (slope: number) => Math.max(Math.abs(slope), scale)
  for (let exponent = exponents.largest; exponent >= exponents.smallest; exponent--) {
    for (const [side, sign] of [[right, 1] as const, [left, -1] as const]) {
      const { distance, value } = await moved(sign * 2 ** exponent)
      side.push((value - here) / distance)
    }
    const slope = ofBothSides(right, left, size)
    if (slope !== undefined) return slope
  }
  return ofOneSide(right, left, size)
}

/** The slope from both sides at the last three distances. Without a kink, the difference of the sides halves with the distance. */
function ofBothSides(right: readonly number[], left: readonly number[], size: (slope: number) => number) {
  const last = right.length - 3
  if (last < 0) return undefined
  const central = (at: number) => ((right[at] as number) + (left[at] as number)) / 2
  const asymmetry = (at: number) => (right[at] as number) - (left[at] as number)
  const extrapolated = (at: number) => (4 * central(at + 1) - central(at)) / 3
  const slope = extrapolated(last + 1)
  const deviations = [
    asymmetry(last) - 2 * asymmetry(last + 1),
    asymmetry(last + 1) - 2 * asymmetry(last + 2),
    extrapolated(last) - slope,
  ]
  return Math.max(...deviations.map(Math.abs)) <= same * size(slope) ? slope : undefined
}

/** The slope from a side on which three distances in a row agree, if the other side has that slope at its smallest distances. */
function ofOneSide(right: readonly number[], left: readonly number[], size: (slope: number) => number) {
  for (let at = 0; at + 3 < right.length; at++) {
    for (const [side, other] of [[right, left] as const, [left, right] as const]) {
      const slopes = [at, at + 1, at + 2].map((i) => 2 * (side[i + 1] as number) - (side[i] as number))
      const slope = slopes[2] as number
      const nearest = ((other.at(-1) as number) + (other.at(-2) as number)) / 2
      const agree = Math.max(...slopes) - Math.min(...slopes) <= same * size(slope)
      if (agree && Math.abs(nearest - slope) <= sameThere * size(slope)) return slope
    }
  }
  return undefined
}
