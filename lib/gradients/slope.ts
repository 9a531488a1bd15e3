/** The slope of a function at a point, from differences, where differences can tell it. */

/** A function of how far a number is moved: gives how far it was moved, as rounding allows, and the value there. */
export type Moved = (distance: number) => Promise<{ readonly distance: number; readonly value: number }>

/** Distances are powers of 2, from the largest to the smallest. */
const exponents = { largest: -4, smallest: -13 }
/** What counts as the same slope, as a share of it. */
const same = 0.0025
/** Slopes of both sides may differ by so much at the smallest distances, where rounding shows. */
const sameThere = 2 * same

/**
 * The slope at distance 0, or nothing: the function has a kink there, others on both sides of it, or rounding hides its slope.
 * Distances shrink, each half of the one before, until three in a row tell the same. That is asked of both sides together first,
 * then of each by itself, for most often kinks are on one side.
 *
 * @param scale - Slopes that are small beside it count as 0.
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

/** From the last three distances. The difference of the sides halves with the distance, unless there is a kink between. */
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

/** From the side that three distances in a row agree on, where the other one, nearest, has that slope as well. */
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
