/** Draws the decision boundary of a model with two inputs. */

import { type ArrayInput, array, formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkDouble, checkInteger, refuse, refuseIdle } from '../checks/validate.js'
import { coreOf } from '../core/cores.js'
import { Model } from '../models/model.js'
import type { AxesOptions } from './curves.js'
import { checkLength, extent, toClassIndices, toNumbers } from './numbers.js'
import { checkPictureOptions, checkTexts } from './options.js'
import { axisOf, colorOf, compose, drawPanel } from './panels.js'
import type { Picture } from './picture.js'
import { colorAlong, pixelImage, type Rgb, sides, tint } from './pixels.js'

/** Options of `plot.decisionBoundary`. */
export interface DecisionBoundaryOptions extends AxesOptions {
  /** Points to draw on top, shape [n, 2]. */
  readonly x?: ArrayInput | undefined
  /** The class of each point: indices, or one-hot rows. */
  readonly y?: ArrayInput | undefined
  /** Names of the classes, in order; default: `class 0`, `class 1`, … */
  readonly classes?: readonly string[] | undefined
  /** Range of the horizontal axis; default: a range around the points, or -1 to 1 without points. */
  readonly xRange?: readonly [low: number, high: number] | undefined
  /** Range of the vertical axis; default as for `xRange`. */
  readonly yRange?: readonly [low: number, high: number] | undefined
  /** Number of grid points in each direction at which the model predicts, 2 to 2000; default 120. */
  readonly resolution?: number | undefined
}

const optionNames = ['title', 'xLabel', 'yLabel', 'x', 'y', 'classes', 'xRange', 'yRange', 'resolution']

/** Implements `plot.decisionBoundary`. */
export async function decisionBoundary(model: Model, given?: DecisionBoundaryOptions): Promise<Picture> {
  const options = checkPictureOptions(given, optionNames, 'plot.decisionBoundary')
  checkModel(model)
  const points = toPoints(options)
  const resolution = checkInteger(options.resolution ?? 120, 'plot.decisionBoundary: resolution', 2, 2000)
  const xRange = rangeOf(
    options.xRange,
    points.map(({ at: [x] }) => x),
    'xRange',
  )
  const yRange = rangeOf(
    options.yRange,
    points.map(({ at: [, y] }) => y),
    'yRange',
  )
  // The grid extends two cells beyond the visible range, so that contours are not cut along its edge.
  const asked = { x: widen(xRange, resolution), y: widen(yRange, resolution), side: resolution + 4 }
  const field = await askGrid(model, asked)
  const { title = 'Decision boundary', xLabel = 'first input', yLabel = 'second input' } = options
  const classes = [...new Set(points.map(({ label }) => label))].sort((a, b) => a - b)
  const names = namesOf(options, (classes.at(-1) ?? -1) + 1)
  const panel = await drawPanel(
    (Plot) => ({
      width: 440,
      height: 420,
      x: { ...axisOf(xRange), label: xLabel, domain: xRange, nice: false },
      y: { ...axisOf(yRange), label: yLabel, domain: yRange, nice: false },
      marks: [
        Plot.image([0], {
          x: (xRange[0] + xRange[1]) / 2,
          y: (yRange[0] + yRange[1]) / 2,
          width: 440 - 56 - 16,
          height: 420 - 14 - 44,
          preserveAspectRatio: 'none',
          src: () => pixelImage(resolution, resolution, (x, y) => field.colorAt(x + 2, y + 2), 2),
        }),
        ...(field.chances
          ? [
              Plot.contour(field.chances, {
                width: asked.side,
                height: asked.side,
                x1: asked.x[0],
                x2: asked.x[1],
                y1: asked.y[1],
                y2: asked.y[0],
                clip: true,
                thresholds: [0.5],
                stroke: '#262626',
                strokeWidth: 1.5,
                fill: 'none',
              }),
            ]
          : []),
        ...classes.map((label) =>
          Plot.dot(
            points.filter((point) => point.label === label),
            {
              x: ({ at: [x] }: LabelledPoint) => x,
              y: ({ at: [, y] }: LabelledPoint) => y,
              symbol: (['circle', 'square', 'triangle', 'diamond2', 'star'] as const)[label % 5] ?? 'circle',
              r: points.length > 100 ? 3 : 6,
              fill: colorOf(label),
              stroke: '#ffffff',
              strokeWidth: points.length > 100 ? 0.5 : 1.5,
            },
          ),
        ),
      ],
    }),
    { legend: classes.map((label) => ({ text: names[label] as string, color: colorOf(label), kind: 'dot' as const })) },
  )
  return compose(title, [panel])
}

interface LabelledPoint {
  readonly at: readonly [x: number, y: number]
  readonly label: number
}

function checkModel(model: Model): void {
  if (!(model instanceof Model)) refuse('model', 'a model', model)
  if (coreOf(model).built().heads.length > 1) refuse('model', 'a model of one output', model)
  if (model.inputShape.length === 1 && model.inputShape[0] === 2) return
  throw new NeurodeError(
    'ERR_SHAPE',
    `model: expected a model with two inputs, got one with inputs of shape ${formatShape(model.inputShape)}`,
  )
}

function toPoints({ x, y }: DecisionBoundaryOptions): LabelledPoint[] {
  if (x === undefined) {
    refuseIdle({ y }, ['y'], 'plot.decisionBoundary', 'without x, the points')
    return []
  }
  const { values, shape } = toNumbers(x, 'plot.decisionBoundary: x')
  if (shape.length !== 2 || shape[1] !== 2) {
    throw new NeurodeError(
      'ERR_SHAPE',
      `plot.decisionBoundary: x: expected points of shape [n, 2], got shape ${formatShape(shape)}`,
    )
  }
  const labels = y === undefined ? undefined : toClassIndices(y, 'plot.decisionBoundary: y')
  if (labels) checkLength(labels.length, shape[0] as number, 'plot.decisionBoundary: y', 'x')
  return Array.from({ length: shape[0] as number }, (_, i) => ({
    at: [values[2 * i] as number, values[2 * i + 1] as number] as const,
    label: labels?.[i] ?? 0,
  }))
}

function namesOf({ y, classes }: DecisionBoundaryOptions, count: number): readonly string[] {
  if (classes === undefined) return Array.from({ length: count }, (_, i) => `class ${i}`)
  if (y === undefined) refuseIdle({ classes }, ['classes'], 'plot.decisionBoundary', 'without y, the classes of points')
  const names = checkTexts(classes, 'plot.decisionBoundary: classes')
  return names.length < count ? refuse('plot.decisionBoundary: classes', `${count} names`, classes) : names
}

function rangeOf(
  given: readonly [number, number] | undefined,
  values: readonly number[],
  name: string,
): [low: number, high: number] {
  if (given !== undefined) {
    const argument = `plot.decisionBoundary: ${name}`
    if (!Array.isArray(given) || given.length !== 2) refuse(argument, 'a low and a higher number', given)
    const [low, high] = given.map((value, i) => checkDouble(value, `${argument}[${i}]`)) as [number, number]
    return low < high ? [low, high] : refuse(argument, 'a low and a higher number', given)
  }
  if (values.length === 0) return [-1, 1]
  const [low, high] = extent(values)
  const room = (high - low || 1) * 0.25
  return [low - room, high + room]
}

type Range = readonly [low: number, high: number]

/** Extends a range by two cells at both ends. */
function widen([low, high]: Range, cells: number): Range {
  const room = (2 * (high - low)) / cells
  return [low - room, high + room]
}

/** Predictions of the model on a square grid, row by row from the top left. */
async function askGrid(
  model: Model,
  { x, y, side }: { readonly x: Range; readonly y: Range; readonly side: number },
): Promise<{ readonly colorAt: (x: number, y: number) => Rgb; readonly chances?: Float32Array | undefined }> {
  const grid = new Float32Array(2 * side * side)
  const along = ([low, high]: Range, i: number) => low + ((i + 0.5) / side) * (high - low)
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      grid[at++] = along(x, column)
      grid[at++] = along(y, side - 1 - row)
    }
  }
  const { data, shape } = await model.predict(array(grid, [side * side, 2]))
  if (shape.length === 2 && shape[1] === 1) {
    return { colorAt: (column, row) => colorAlong(sides, data[row * side + column] as number), chances: data }
  }
  const classes = toClassIndices({ data, shape }, 'predictions')
  return { colorAt: (column, row) => tint(colorOf(classes[row * side + column] as number), 0.3) }
}
