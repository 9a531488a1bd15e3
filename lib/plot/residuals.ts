/** Draws the errors of predicted numbers. */

import type { ArrayInput } from '../arrays/arrays.js'
import { checkName } from '../checks/validate.js'
import { checkCount, readSeries } from '../evaluation/given.js'
import type { PictureOptions } from './curves.js'
import { checkPictureOptions } from './options.js'
import { axis, axisOf, colorOf, compose, drawPanel, faint } from './panels.js'
import type { Picture } from './picture.js'

/** Options of `plot.residuals`. */
export interface ResidualsOptions extends PictureOptions {
  /** Name of the target, with its unit; default none. */
  readonly label?: string | undefined
}

const mostBars = 40

/** Implements `plot.residuals`. */
export async function residuals(
  targets: ArrayInput,
  predictions: ArrayInput,
  given?: ResidualsOptions,
): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'label'], 'plot.residuals')
  const [truth, guesses] = [readSeries(targets, 'targets'), readSeries(predictions, 'predictions')]
  checkCount(guesses.length, truth.length, 'predictions', 'targets')
  const errors = truth.map((value, i) => value - (guesses[i] as number))
  const { title = 'Residuals: actual minus predicted' } = options
  const of = options.label === undefined ? '' : ` ${checkName(options.label, 'plot.residuals: label')}`
  const scatter = drawPanel((Plot) => ({
    x: { ...axisOf(guesses), label: `predicted${of}` },
    y: { ...axisOf(errors), label: `residual${of && ` of${of}`}` },
    marks: [
      Plot.gridX(faint),
      Plot.gridY(faint),
      Plot.ruleY([0], { stroke: colorOf(1), strokeWidth: 1.5 }),
      Plot.dot(errors, {
        x: (_: number, i: number) => guesses[i],
        y: (_: number, i: number) => errors[i],
        r: 2.5,
        fill: colorOf(0),
        fillOpacity: 0.45,
      }),
    ],
  }))
  const bars = barsOf(errors)
  const histogram = drawPanel((Plot) => ({
    x: { ...axisOf(errors), label: `residual${of && ` of${of}`}` },
    y: { ...axis, label: 'rows' },
    marks: [
      Plot.gridY(faint),
      Plot.rectY(bars, { x1: 'from', x2: 'to', y: 'count', fill: colorOf(0), fillOpacity: 0.75, inset: 0.5 }),
      Plot.ruleX([0], { stroke: colorOf(1), strokeWidth: 1.5 }),
      Plot.ruleY([0]),
    ],
  }))
  return compose(title, await Promise.all([scatter, histogram]))
}

/** Counts values in bars of equal width. */
function barsOf(values: Float64Array) {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity)
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity)
  const count = Math.max(5, Math.min(mostBars, Math.ceil(Math.sqrt(values.length))))
  const width = (high - low) / count || Math.max(Math.abs(low), 1) / 10
  const start = high > low ? low : low - width * (count / 2)
  const bars = Array.from({ length: count }, (_, i) => ({
    from: start + i * width,
    to: start + (i + 1) * width,
    count: 0,
  }))
  for (const value of values) {
    const bar = bars[Math.min(count - 1, Math.max(0, Math.floor((value - start) / width)))]
    if (bar) bar.count++
  }
  return bars
}
