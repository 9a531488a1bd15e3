/** Draws grids of images and the weights of layers. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkRowShape, refuse, refuseIdle } from '../checks/validate.js'
import { type AnyModel, Model } from '../models/model.js'
import type { PictureOptions } from './curves.js'
import { extent, type Numbers, toNumbers } from './numbers.js'
import { checkPictureOptions, checkTexts } from './options.js'
import { compose, escapeXml, type Panel } from './panels.js'
import type { Picture } from './picture.js'
import { colorAlong, diverging, gray, pixelImage, type Rgb, toHex } from './pixels.js'

/** Options of `plot.images`. */
export interface ImagesOptions extends PictureOptions {
  /** Height and width of an image in pixels; default: the shape of the images, or a square. */
  readonly shape?: readonly number[] | undefined
  /** A caption under each image. */
  readonly labels?: readonly (string | number)[] | undefined
  /** Number of images per row; default: as many as rows, at most 10. */
  readonly columns?: number | undefined
  /** The most images to show, 1 to 10,000; default 100. */
  readonly limit?: number | undefined
}

/** Options of `plot.weights`. */
export interface WeightsOptions extends PictureOptions {
  /** Index of the layer among those with a kernel, from 0; default 0. */
  readonly layer?: number | undefined
  /** Height and width of the image of a unit's inputs; default: a square if their number is a square, otherwise one table for all. */
  readonly shape?: readonly number[] | undefined
  /** Number of units per row of images. */
  readonly columns?: number | undefined
}

/** Implements `plot.images`. */
export async function images(source: ArrayInput, given?: ImagesOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'shape', 'labels', 'columns', 'limit'], 'plot.images')
  const { values, shape } = toNumbers(source, 'images')
  const [count = 0, ...rest] = shape
  const size = rest.reduce((product, each) => product * each, 1)
  const [height, width] = pixelShape(options.shape ?? rest, size, 'plot.images: shape')
  const shown = Math.min(count, checkInteger(options.limit ?? 100, 'plot.images: limit', 1, 10_000))
  if (shown === 0) refuse('images', 'one image at least', source)
  const labels = options.labels === undefined ? [] : checkTexts(options.labels, 'plot.images: labels')
  const [low, high] = extent(values)
  const tiles = Array.from({ length: shown }, (_, i) => ({
    caption: labels[i] ?? '',
    colorAt: (x: number, y: number) => {
      const value = values[i * size + y * width + x] as number
      return colorAlong(gray, (value - low) / (high - low || 1))
    },
  }))
  const { title = shown < count ? `The first ${shown} of ${count} images` : `${shown} images` } = options
  return compose(title, [tileGrid(tiles, height, width, options.columns)])
}

/** Implements `plot.weights`. */
export async function weights(source: AnyModel | ArrayInput, given?: WeightsOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'layer', 'shape', 'columns'], 'plot.weights')
  const kernel = kernelOf(source, checkInteger(options.layer ?? 0, 'plot.weights: layer', 0))
  const [inputs = 0, units = 0] = kernel.shape
  const { values } = kernel
  const limit = Math.max(...extent(values).map(Math.abs)) || 1
  const color = (value: number): Rgb => colorAlong(diverging, 0.5 + value / (2 * limit))
  const isSquare = Number.isInteger(Math.sqrt(inputs)) && inputs >= 9
  const { title = `Weights of ${kernel.name}` } = options
  if (!(source instanceof Model)) {
    refuseIdle(options, ['layer'], 'plot.weights', 'with one array, which has no layers')
  }
  if (!options.shape && !isSquare) {
    refuseIdle(options, ['columns'], 'plot.weights', 'without shape, as all weights are one table')
    const table = { caption: '', colorAt: (x: number, y: number) => color(values[y * units + x] as number) }
    const panel = tileGrid([table], inputs, units, 1, `${inputs} inputs (rows), ${units} units (columns)`)
    return compose(title, [panel, colorBar(limit, panel.height)])
  }
  const [height, width] = pixelShape(options.shape ?? [inputs], inputs, 'plot.weights: shape')
  const tiles = Array.from({ length: units }, (_, unit) => ({
    caption: '',
    colorAt: (x: number, y: number) => color(values[(y * width + x) * units + unit] as number),
  }))
  const panel = tileGrid(tiles, height, width, options.columns, `${units} units, ${height} × ${width} inputs each`)
  return compose(title, [panel, colorBar(limit, panel.height)])
}

function kernelOf(source: AnyModel | ArrayInput, layer: number): Numbers & { readonly name: string } {
  if (!(source instanceof Model)) {
    const numbers = toNumbers(source as ArrayInput, 'weights')
    if (numbers.shape.length === 2) return { ...numbers, name: 'the layer' }
    throw new NeurodeError(
      'ERR_SHAPE',
      `weights: expected a kernel of shape [inputs, units], got shape ${formatShape(numbers.shape)}`,
    )
  }
  const kernels = source.getWeights().filter(({ shape }) => shape.length === 2)
  const kernel =
    kernels[layer] ?? refuse('plot.weights: layer', `a number below ${kernels.length}, the layers with a kernel`, layer)
  return { values: Float64Array.from(kernel.data), shape: kernel.shape, name: kernel.name.replace(/\/kernel$/, '') }
}

/** Height and width of an image of `size` pixels. */
function pixelShape(given: readonly number[], size: number, argument: string): [height: number, width: number] {
  const shape = checkRowShape(given, argument).filter((each, i, all) => !(each === 1 && i === 2 && all.length === 3))
  const side = Math.round(Math.sqrt(size))
  const [height = 0, width = 0] = shape.length === 1 ? [side, side] : shape
  if (shape.length <= 2 && height * width === size) return [height, width]
  throw new NeurodeError(
    'ERR_SHAPE',
    `${argument}: expected rows and columns of ${size} pixels, got ${formatShape(shape)}`,
  )
}

interface Tile {
  readonly caption: string
  readonly colorAt: (x: number, y: number) => Rgb
}

/** Lays out small images in rows, enlarged if they would be too small to see. */
function tileGrid(tiles: readonly Tile[], height: number, width: number, given?: number, heading?: string): Panel {
  const columns =
    given === undefined ? Math.min(10, Math.ceil(Math.sqrt(tiles.length))) : checkInteger(given, 'columns', 1, 10_000)
  const longest = Math.max(...tiles.map(({ caption }) => caption.length))
  const least = tiles.length === 1 ? 320 : 56
  const zoom = Math.max(1, Math.min(24, Math.ceil(least / Math.max(height, width))))
  const cell = { width: Math.max(width * zoom, longest * 7), height: height * zoom + (longest > 0 ? 18 : 0) }
  const gap = 8
  const parts = tiles.map(({ caption, colorAt }, i) => {
    const x = (i % columns) * (cell.width + gap)
    const y = Math.floor(i / columns) * (cell.height + gap)
    const image = pixelImage(width, height, colorAt)
    return [
      // Images are enlarged without smoothing, as each pixel is one number.
      `<image x="${x}" y="${y}" width="${width * zoom}" height="${height * zoom}" preserveAspectRatio="none" image-rendering="optimizeSpeed" xlink:href="${image}"/>`,
      `<rect x="${x}" y="${y}" width="${width * zoom}" height="${height * zoom}" fill="none" stroke="#bbbbbb" stroke-width="0.5"/>`,
      caption &&
        `<text x="${x + (width * zoom) / 2}" y="${y + height * zoom + 13}" text-anchor="middle" font-size="11">${escapeXml(caption)}</text>`,
    ].join('')
  })
  const rows = Math.ceil(tiles.length / columns)
  const total = {
    width: Math.min(columns, tiles.length) * (cell.width + gap),
    height: rows * (cell.height + gap),
  }
  return { heading, ...total, svg: `<svg width="${total.width}" height="${total.height}">${parts.join('')}</svg>` }
}

/** The legend of the colours from `-limit` to `limit`. */
function colorBar(limit: number, available: number): Panel {
  const height = Math.min(available, 200)
  const steps = 41
  const bars = Array.from({ length: steps }, (_, i) => {
    const y = 8 + (i * (height - 16)) / steps
    const color = toHex(colorAlong(diverging, 1 - i / (steps - 1)))
    return `<rect x="0" y="${y.toFixed(2)}" width="14" height="${((height - 16) / steps + 0.5).toFixed(2)}" fill="${color}"/>`
  })
  const label = (value: number, y: number) => `<text x="20" y="${y}">${value.toPrecision(2).replace('-', '−')}</text>`
  const labels = [label(limit, 16), `<text x="20" y="${height / 2 + 4}">0</text>`, label(-limit, height - 8)]
  return {
    heading: ' ',
    width: 84,
    height,
    svg: `<svg width="84" height="${height}">${bars.join('')}${labels.join('')}</svg>`,
  }
}
