/** Draws weights as grey pictures. */

import { encodePng } from '../formats/png.js'

/** A picture as a PNG file. */
export interface WeightImage {
  readonly width: number
  readonly height: number
  readonly png: Uint8Array
}

/**
 * Draws a weight with a pixel for each value, as Keras lays it out: a matrix on its longer side, a vector as one column. Axes before the
 * last one are rows. Zero is grey; black and white are the largest distance from it.
 */
export function weightImage(shape: readonly number[], data: Float32Array): WeightImage {
  const sizes = shape.filter((size) => size !== 1)
  const columns = sizes.length < 2 ? 1 : (sizes.at(-1) as number)
  const rows = data.length / columns
  const isUpright = columns > 1 && rows > columns
  const [height, width] = isUpright ? [columns, rows] : [rows, columns]
  let largest = 0
  for (const value of data) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  const pixels = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const grey = Math.round(127.5 * (1 + (data[i] as number) / (largest || 1)))
    const at = isUpright ? (i % columns) * rows + Math.floor(i / columns) : i
    pixels[at] = Math.min(255, Math.max(0, grey))
  }
  return { width, height, png: encodePng(pixels, width, height) }
}
