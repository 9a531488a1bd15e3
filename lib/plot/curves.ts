/** Draws histories of trainings, line charts and scatter plots. */

import type { ArrayInput } from '../arrays/arrays.js'
import { checkBoolean, checkName, isPlain, refuse } from '../checks/validate.js'
import { checkLength, extent, toSeries } from './numbers.js'
import { checkPictureOptions } from './options.js'
import { axisOf, colorOf, compose, drawPanel, faint, type LegendEntry, type Panel } from './panels.js'
import type { Picture } from './picture.js'

/** Options of every picture. */
export interface PictureOptions {
  /** The heading; the default depends on the kind of picture. */
  readonly title?: string | undefined
}

/** Options of pictures with two axes. */
export interface AxesOptions extends PictureOptions {
  /** Label of the horizontal axis, with its unit. */
  readonly xLabel?: string | undefined
  /** Label of the vertical axis, with its unit. */
  readonly yLabel?: string | undefined
}

/** Options of `plot.line`. */
export interface LineOptions extends AxesOptions {
  /** Positions of the values on the horizontal axis; default 0, 1, 2, … */
  readonly x?: ArrayInput | undefined
  /** Whether the vertical axis is logarithmic; default false. */
  readonly yLog?: boolean | undefined
}

/** Options of `plot.scatter`. */
export interface ScatterOptions extends AxesOptions {
  /** Whether to draw the line on which both values are equal; default false. */
  readonly diagonal?: boolean | undefined
}

/** A history of {@link Sequential.fit}, alone or as part of its result. */
export type HistoryInput =
  | Readonly<Record<string, ArrayLike<number>>>
  | { readonly history: Readonly<Record<string, ArrayLike<number>>> }

/** Implements `plot.history`. */
export async function history(input: HistoryInput, given?: PictureOptions): Promise<Picture> {
  const { title = 'Training' } = checkPictureOptions(given, ['title'], 'plot.history')
  const series = seriesOf(input)
  const keys = Object.keys(series).filter((key) => !key.startsWith('val_'))
  if (keys.every((key) => series[key]?.length === 0))
    refuse('history', 'the result of fit, or its history: one list of numbers for each key', input)
  const epochs = Math.max(...keys.map((key) => series[key]?.length ?? 0))
  const panels = keys.map((key) => {
    const curves = [key, `val_${key}`].flatMap((name) => {
      const values = series[name]
      return values === undefined || values.length === 0 ? [] : [{ name, points: overEpochs(values, epochs) }]
    })
    return drawCurves(curves, {
      xLabel: 'epoch',
      yLabel: key,
      ...(epochs <= 12 ? { xTicks: Array.from({ length: epochs }, (_, i) => i + 1) } : {}),
    })
  })
  return compose(title, await Promise.all(panels), Math.min(panels.length, 2))
}

function seriesOf(input: HistoryInput): Readonly<Record<string, Float64Array>> {
  if (!isPlain(input)) refuse('history', 'the result of fit, or its history', input)
  const inner = (input as { history?: unknown }).history
  const source = (typeof inner === 'object' && inner !== null && !isNumberList(inner) ? inner : input) as object
  return Object.fromEntries(
    Object.entries(source).map(([key, values]) => [key, toSeries(values as ArrayInput, `history.${key}`)]),
  )
}

function isNumberList(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value)
}

/** The points of a curve. If there are fewer values than epochs, they belong to every second, third, … epoch (`validationFreq`). */
function overEpochs(values: Float64Array, epochs: number): Point[] {
  const every = Math.max(1, Math.floor(epochs / values.length))
  return Array.from(values, (y, i) => ({ x: (i + 1) * every, y }))
}

/** Implements `plot.line`. */
export async function line(lines: Readonly<Record<string, ArrayInput>>, given?: LineOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'xLabel', 'yLabel', 'x', 'yLog'], 'plot.line')
  if (!isPlain(lines) || Object.keys(lines).length === 0) {
    refuse('lines', 'lists of numbers by name, such as { loss: history.loss }', lines)
  }
  const x = options.x === undefined ? undefined : toSeries(options.x, 'plot.line: x')
  const curves = Object.entries(lines).map(([name, values]) => {
    const ys = toSeries(values, `lines.${name}`)
    if (x) checkLength(ys.length, x.length, `lines.${name}`, 'x')
    return { name, points: Array.from(ys, (y, i) => ({ x: x?.[i] ?? i, y })) }
  })
  const {
    title = Object.keys(lines).join(', '),
    xLabel = '',
    yLabel = curves.length === 1 ? curves[0]?.name : '',
  } = options
  const panel = await drawCurves(curves, {
    xLabel,
    yLabel: yLabel ?? '',
    yLog: checkBoolean(options.yLog ?? false, 'plot.line: yLog'),
    width: 560,
  })
  return compose(title, [panel])
}

interface Point {
  readonly x: number
  readonly y: number
}

interface Curve {
  readonly name: string
  readonly points: readonly Point[]
}

interface CurvesLook {
  readonly xLabel: string
  /** Positions of the ticks; default: round numbers. */
  readonly xTicks?: readonly number[] | undefined
  readonly yLabel: string
  readonly yLog?: boolean | undefined
  readonly width?: number | undefined
}

/** Draws curves in one panel. Curves of validation are dashed, so that they can be told apart without colour. */
function drawCurves(curves: readonly Curve[], look: CurvesLook): Promise<Panel> {
  const points = curves.flatMap((curve) => curve.points)
  const legend: LegendEntry[] = curves.map(({ name }, i) => ({
    text: name,
    color: colorOf(i),
    kind: dashOf(name, i) ? 'dashed' : 'line',
  }))
  return drawPanel(
    (Plot) => ({
      ...(look.width ? { width: look.width } : {}),
      x: {
        ...axisOf(points.map(({ x }) => x)),
        label: look.xLabel,
        nice: false,
        ...(look.xTicks ? { ticks: [...look.xTicks], tickFormat: 'd' } : {}),
      },
      y: { ...axisOf(points.map(({ y }) => y)), label: look.yLabel, type: look.yLog ? 'log' : 'linear' },
      marks: [
        Plot.gridX({ ...faint, ...(look.xTicks ? { ticks: [...look.xTicks] } : {}) }),
        Plot.gridY(faint),
        ...curves.map(({ name, points }, i) =>
          points.length === 1
            ? Plot.dot(points, { x: 'x', y: 'y', fill: colorOf(i) })
            : Plot.line(points, {
                x: 'x',
                y: 'y',
                stroke: colorOf(i),
                strokeWidth: 2,
                ...(dashOf(name, i) ? { strokeDasharray: '5 3' } : {}),
              }),
        ),
      ],
    }),
    { legend: curves.length > 1 ? legend : [] },
  )
}

function dashOf(name: string, i: number): boolean {
  return name.startsWith('val_') && i > 0
}

/** Implements `plot.scatter`. */
export async function scatter(x: ArrayInput, y: ArrayInput, given?: ScatterOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'xLabel', 'yLabel', 'diagonal'], 'plot.scatter')
  const [xs, ys] = [toSeries(x, 'x'), toSeries(y, 'y')]
  checkLength(ys.length, xs.length, 'y', 'x')
  const { xLabel = 'x', yLabel = 'y' } = options
  const title =
    options.title === undefined ? `${yLabel} against ${xLabel}` : checkName(options.title, 'plot.scatter: title')
  const diagonal = checkBoolean(options.diagonal ?? false, 'plot.scatter: diagonal')
  const [low, high] = extent([...xs, ...ys])
  const panel = await drawPanel(
    (Plot) => ({
      width: 480,
      height: diagonal ? 480 : 360,
      x: { ...axisOf(xs), label: xLabel },
      y: { ...axisOf(ys), label: yLabel },
      marks: [
        Plot.gridX(faint),
        Plot.gridY(faint),
        Plot.dot(xs, {
          x: (_: number, i: number) => xs[i],
          y: (_: number, i: number) => ys[i],
          r: 2.5,
          fill: colorOf(0),
          fillOpacity: 0.45,
        }),
        ...(diagonal
          ? [
              Plot.line(
                [
                  [low, low],
                  [high, high],
                ],
                { stroke: colorOf(1), strokeWidth: 1.5, strokeDasharray: '6 4' },
              ),
            ]
          : []),
      ],
    }),
    { legend: diagonal ? [{ text: `${yLabel} = ${xLabel}`, color: colorOf(1), kind: 'dashed' }] : [] },
  )
  return compose(title, [panel])
}
