/** Encodes pixels as data URLs of PNG images, and maps numbers to colours. */

import { encodePng } from '../formats/png.js'

export type Rgb = readonly [red: number, green: number, blue: number]

/** The data URL of a PNG image of `width` × `height` pixels, each drawn `zoom` pixels large. */
export function pixelImage(width: number, height: number, colorAt: (x: number, y: number) => Rgb, zoom = 1): string {
  const stride = 3 * width * zoom
  const rows = Buffer.alloc(stride * height * zoom)
  for (let y = 0; y < height; y++) {
    const start = y * zoom * stride
    for (let x = 0; x < width; x++) {
      const color = colorAt(x, y)
      for (let i = 0; i < zoom; i++) rows.set(color, start + 3 * (x * zoom + i))
    }
    for (let i = 1; i < zoom; i++) rows.copyWithin(start + i * stride, start, start + stride)
  }
  return `data:image/png;base64,${encodePng(rows, width * zoom, height * zoom, 3).toString('base64')}`
}

/** A colour scale: colours at equal distances from 0 to 1. */
export type Ramp = readonly Rgb[]

export const gray: Ramp = [
  [255, 255, 255],
  [0, 0, 0],
]

/** ColorBrewer's scale from blue to red, for negative and positive values. */
export const diverging: Ramp = [
  [33, 102, 172],
  [146, 197, 222],
  [247, 247, 247],
  [244, 165, 130],
  [178, 24, 43],
]

/** A pale scale from blue to orange, for the background of classes 0 and 1 of {@link palette}. */
export const sides: Ramp = [
  [122, 176, 212],
  [247, 247, 247],
  [235, 165, 115],
]

/** The colour at `share`, from 0 to 1, of a scale. */
export function colorAlong(ramp: Ramp, share: number): Rgb {
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1)
  const from = Math.min(Math.floor(at), ramp.length - 2)
  const [a, b] = [ramp[from] as Rgb, ramp[from + 1] as Rgb]
  const mix = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * (at - from))
  return [mix(0), mix(1), mix(2)]
}

/** A colour such as `#0072b2` as numbers, mixed with white; `share` is the fraction of the colour. */
export function tint(color: string, share: number): Rgb {
  const part = (at: number) => Math.round(255 + (Number.parseInt(color.slice(at, at + 2), 16) - 255) * share)
  return [part(1), part(3), part(5)]
}

export function toHex([red, green, blue]: Rgb): string {
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, '0')).join('')}`
}
