/** Digits drawn by code, the same bytes on every machine, for machines without MNIST. */

import { ShapedArray, shapedArray } from '../arrays/shapedArray.js'
import { checkInteger, checkOptions, refuse } from '../checks/validate.js'
import type { Dataset, DatasetPart } from './dataset.js'
import { glyphs, type Stroke } from './glyphs.js'
import { Philox } from './philox.js'

/** Options of `datasets.syntheticDigits`. */
export interface SyntheticDigitsOptions {
  /** Seed of the images, an integer from 0 to 2^53 - 1; default 0. */
  readonly seed?: number | undefined
  /** Number of images for training; default 60,000. A smaller number gives the first of the same images. */
  readonly train?: number | undefined
  /** Number of images for testing; default 10,000. */
  readonly test?: number | undefined
}

const side = 28
const pixels = side * side
/** The most images; their bytes then fit into one array. */
const maxImages = 5_000_000
const firstTestIndex = 2 ** 31
const spanSegments = 4

/**
 * Makes images of digits with the size and shape of MNIST. They are drawn as strokes, in several styles per digit, that are jittered,
 * bent, rotated, sheared, scaled and shifted at random, anti-aliased, with uneven ink. Each image depends only on the seed and its
 * index, and is the same, byte for byte, on every machine. Training and test images differ.
 *
 * @returns A data set like that of `datasets.mnist`, with the `name` `'synthetic'`. The default 70,000 images take about a second.
 * @throws NeurodeError `ERR_ARGUMENT` for a seed or a number of images that is not an integer in range.
 *
 * @example
 * ```ts
 * import { datasets } from 'neurode'
 *
 * const { train, test } = datasets.syntheticDigits({ seed: 1, train: 1000, test: 100 })
 * ```
 */
export function syntheticDigits(options?: SyntheticDigitsOptions): Dataset {
  const {
    seed = 0,
    train = 60_000,
    test = 10_000,
  } = checkOptions(options, ['seed', 'train', 'test'], 'datasets.syntheticDigits')
  const painter = new Painter(checkInteger(seed, 'seed', 0))
  const [trainCount, testCount] = [checkCount(train, 'train'), checkCount(test, 'test')]
  return {
    name: 'synthetic',
    train: paintPart(painter, 0, trainCount),
    test: paintPart(painter, firstTestIndex, testCount),
  }
}

function paintPart(painter: Painter, firstIndex: number, count: number): DatasetPart {
  const images = new Uint8Array(count * pixels)
  const labels = new Uint8Array(count)
  for (let i = 0; i < count; i++) labels[i] = painter.paint(firstIndex + i, images, i * pixels)
  return {
    images: shapedArray(images, [count, pixels], { scale: 1 / 255 }),
    labels: new ShapedArray(labels, [count]),
  }
}

/** Draws one image at a time and reuses its buffers. */
class Painter {
  readonly #random: Philox
  /** Darkness of each pixel, from 0 to 1; reset to 0 between images. */
  readonly #ink = new Float64Array(pixels)
  /** x, y of every point of the strokes, in glyph units and then in pixels. */
  readonly #points = new Float64Array(128)

  constructor(seed: number) {
    this.#random = new Philox(seed | 0, Math.floor(seed / 2 ** 32))
  }

  /** Writes the image of `index` and returns its digit. */
  paint(index: number, out: Uint8Array, at: number): number {
    const random = this.#random
    random.seek(index)
    const digit = random.word() % 10
    const styles = glyphs[digit] as (typeof glyphs)[number]
    const strokes = styles[random.word() % styles.length] as readonly Stroke[]
    this.#place(strokes)
    const radius = 1.3 + 0.5 * random.symmetric()
    const softness = 0.75 + 0.2 * random.symmetric()
    let start = 0
    for (const { length } of strokes) {
      this.#drawCurve(start, length / 2, radius, softness)
      start += length
    }
    this.#develop(out, at)
    return digit
  }

  /** Jitters, bends and moves the points of the strokes into the image. */
  #place(strokes: readonly Stroke[]): void {
    const random = this.#random
    const points = this.#points
    // With t the tangent of half the angle, cos and sin need only products and a division, which give the same bits on all machines.
    const t = 0.1 * (random.symmetric() + random.symmetric())
    const cos = (1 - t * t) / (1 + t * t)
    const sin = (2 * t) / (1 + t * t)
    const scaleX = 9.2 * (1 + 0.24 * random.symmetric())
    const scaleY = 9.2 * (1 + 0.14 * random.symmetric())
    const slant = 0.34 * random.symmetric() - 0.08
    const bendX = 0.22 * random.symmetric()
    const bendY = 0.16 * random.symmetric()
    const fan = 0.2 * random.symmetric()
    const jitter = 0.13
    let minX = Infinity
    let maxX = -Infinity
    let minY = Infinity
    let maxY = -Infinity
    let p = 0
    for (const stroke of strokes) {
      const first = p
      for (let i = 0; i < stroke.length; i += 2, p += 2) {
        const corner = i > 0 && stroke[i] === stroke[i - 2] && stroke[i + 1] === stroke[i - 1]
        const same = corner ? p - 2 : i > 0 && i + 2 === stroke.length && isClosed(stroke) ? first : -1
        if (same >= 0) {
          points[p] = points[same] as number
          points[p + 1] = points[same + 1] as number
          continue
        }
        const gx = (stroke[i] as number) + jitter * random.symmetric()
        const gy = (stroke[i + 1] as number) + jitter * random.symmetric()
        const bx = gx + bendX * (gy * gy - 0.4) + fan * gx * gy - slant * gy
        const by = gy + bendY * (gx * gx - 0.1)
        const x = scaleX * (cos * bx - sin * by)
        const y = scaleY * (sin * bx + cos * by)
        points[p] = x
        points[p + 1] = y
        if (x < minX) minX = x
        if (x > maxX) maxX = x
        if (y < minY) minY = y
        if (y > maxY) maxY = y
      }
    }
    const shiftX = (side - 1) / 2 - (minX + maxX) / 2 + 1.8 * random.symmetric()
    const shiftY = (side - 1) / 2 - (minY + maxY) / 2 + 1.8 * random.symmetric()
    for (let i = 0; i < p; i += 2) {
      points[i] = (points[i] as number) + shiftX
      points[i + 1] = (points[i + 1] as number) + shiftY
    }
  }

  /** A Catmull-Rom spline through `count` points, as short straight segments. */
  #drawCurve(start: number, count: number, radius: number, softness: number): void {
    const points = this.#points
    const last = start + 2 * (count - 1)
    const closed = points[start] === points[last] && points[start + 1] === points[last + 1]
    for (let b = start; b < last; b += 2) {
      const a = b > start ? b - 2 : closed ? last - 2 : b
      const c = b + 2
      const d = c < last ? c + 2 : closed ? start + 2 : c
      const x1 = points[b] as number
      const y1 = points[b + 1] as number
      const x2 = points[c] as number
      const y2 = points[c + 1] as number
      if (x1 === x2 && y1 === y2) continue
      const tangentX1 = (x2 - (points[a] as number)) / 2
      const tangentY1 = (y2 - (points[a + 1] as number)) / 2
      const tangentX2 = ((points[d] as number) - x1) / 2
      const tangentY2 = ((points[d + 1] as number) - y1) / 2
      let fromX = x1
      let fromY = y1
      for (let step = 1; step <= spanSegments; step++) {
        const s = step / spanSegments
        const h2 = s * s * (3 - 2 * s)
        const h1 = 1 - h2
        const h3 = s * (s - 1) * (s - 1)
        const h4 = s * s * (s - 1)
        const toX = h1 * x1 + h2 * x2 + h3 * tangentX1 + h4 * tangentX2
        const toY = h1 * y1 + h2 * y2 + h3 * tangentY1 + h4 * tangentY2
        this.#drawSegment(fromX, fromY, toX, toY, radius, softness)
        fromX = toX
        fromY = toY
      }
    }
  }

  /** Darkens the pixels near a segment by their distance from it. */
  #drawSegment(x1: number, y1: number, x2: number, y2: number, radius: number, softness: number): void {
    const ink = this.#ink
    const reach = radius + softness
    const reach2 = reach * reach
    const left = Math.max(0, Math.ceil(Math.min(x1, x2) - reach))
    const right = Math.min(side - 1, Math.floor(Math.max(x1, x2) + reach))
    const top = Math.max(0, Math.ceil(Math.min(y1, y2) - reach))
    const bottom = Math.min(side - 1, Math.floor(Math.max(y1, y2) + reach))
    const dx = x2 - x1
    const dy = y2 - y1
    const length2 = dx * dx + dy * dy
    const inverse = length2 > 0 ? 1 / length2 : 0
    const slope = 1 / (2 * softness)
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const px = x - x1
        const py = y - y1
        let along = (px * dx + py * dy) * inverse
        if (along < 0) along = 0
        else if (along > 1) along = 1
        const ox = px - along * dx
        const oy = py - along * dy
        const distance2 = ox * ox + oy * oy
        if (distance2 >= reach2) continue
        const darkness = (reach - Math.sqrt(distance2)) * slope
        const at = y * side + x
        if (darkness > (ink[at] as number)) ink[at] = darkness
      }
    }
  }

  /** Converts the darkness of pixels to bytes, with random unevenness, and resets it. */
  #develop(out: Uint8Array, at: number): void {
    const ink = this.#ink
    const random = this.#random
    const unevenness = 0.3 / 255
    let noise = 0
    let left = 0
    for (let i = 0; i < pixels; i++) {
      const darkness = ink[i] as number
      if (darkness === 0) continue
      ink[i] = 0
      if (left === 0) {
        noise = random.word()
        left = 4
      }
      const paper = 1 - unevenness * (noise & 255)
      noise >>>= 8
      left--
      out[at + i] = Math.floor(Math.min(darkness, 1) * paper * 255 + 0.5)
    }
  }
}

function isClosed(stroke: Stroke): boolean {
  const last = stroke.length - 2
  return stroke[0] === stroke[last] && stroke[1] === stroke[last + 1]
}

function checkCount(value: unknown, argument: string): number {
  const count = checkInteger(value, argument, 0)
  return count <= maxImages ? count : refuse(argument, `at most ${maxImages} images`, value)
}
