/** Copies columns of rows. */

/** Rows in an array: each has `stride` numbers, and the columns begin at `begin`. */
export interface Columns {
  readonly data: Float32Array
  readonly stride: number
  readonly begin: number
}

/** Copies `size` columns of all rows. */
export function copyColumns(from: Columns, to: Columns, size: number): void {
  let at = to.begin
  for (let row = from.begin; row < from.data.length; row += from.stride, at += to.stride) {
    for (let column = 0; column < size; column++) to.data[at + column] = from.data[row + column] as number
  }
}
