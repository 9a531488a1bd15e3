/** Finds numbers that are not finite. */

/** How many of the numbers are NaN or infinite, and the index of the first. */
export function findNonFinite(numbers: Float32Array): { readonly count: number; readonly first: number } {
  let [count, first] = [0, -1]
  if (areFinite(numbers)) return { count, first }
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue
    if (count++ === 0) first = i
  }
  return { count, first }
}

/** Zero times a number is zero unless it is not finite: half the time of a test of each. */
function areFinite(numbers: Float32Array): boolean {
  let sum = 0
  for (let i = 0; i < numbers.length; i++) sum += 0 * (numbers[i] as number)
  return sum === 0
}
