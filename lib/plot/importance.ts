/** Draws named values as bars, such as the importance of columns. */

import type { ArrayInput } from '../arrays/arrays.js'
import { checkInteger, isPlain, refuse } from '../checks/validate.js'
import { readSeries } from '../evaluation/given.js'
import type { PictureOptions } from './curves.js'
import { checkPictureOptions } from './options.js'
import { axisOf, colorOf, compose, drawPanel, faint, textWidth } from './panels.js'
import type { Picture } from './picture.js'

/** Options of `plot.importance`. */
export interface ImportanceOptions extends PictureOptions {
  /** Label of the values, with their unit; default `importance`. */
  readonly xLabel?: string | undefined
  /** The most bars, which are those of the largest values; default 30. */
  readonly most?: number | undefined
}

const longestName = 40

/** Implements `plot.importance`. */
export async function importance(
  values: Readonly<Record<string, number | ArrayInput>>,
  given?: ImportanceOptions,
): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'xLabel', 'most'], 'plot.importance')
  const most = checkInteger(options.most ?? 30, 'plot.importance: most', 1, 200)
  if (!isPlain(values) || Object.keys(values).length === 0) {
    refuse('values', 'numbers by name, such as { age: 0.2, height: 0.1 }', values)
  }
  const bars = Object.entries(values)
    .map(([name, value]) => barOf(name, value))
    .sort((a, b) => b.mean - a.mean)
  const shown = bars.slice(0, most)
  const { title = bars.length > most ? `Importance of the first ${most} of ${bars.length}` : 'Importance' } = options
  const left = Math.max(56, ...shown.map(({ label }) => 14 + textWidth(label, 10.5)))
  const panel = await drawPanel((Plot) => ({
    width: Math.ceil(left) + 420,
    height: shown.length * 24 + 58,
    marginLeft: Math.ceil(left),
    x: { ...axisOf(shown.flatMap(({ low, high }) => [0, low, high])), label: options.xLabel ?? 'importance' },
    y: {
      label: null,
      domain: shown.map((_, i) => i),
      tickFormat: (i: number) => shown[i]?.label ?? '',
      tickSize: 0,
      padding: 0.3,
    },
    marks: [
      Plot.gridX(faint),
      Plot.barX(shown, {
        x: 'mean',
        y: (_: unknown, i: number) => i,
        fill: ({ mean }: { mean: number }) => colorOf(mean < 0 ? 1 : 0),
      }),
      Plot.ruleY(
        shown.filter(({ low, high }) => low < high),
        {
          x1: 'low',
          x2: 'high',
          y: (bar: (typeof shown)[number]) => shown.indexOf(bar),
          stroke: '#262626',
          strokeWidth: 1.5,
        },
      ),
      Plot.ruleX([0]),
    ],
  }))
  return compose(title, [panel])
}

/** A bar up to a value, or up to the mean of several with a line from the least to the largest. */
function barOf(name: string, value: number | ArrayInput) {
  const list = readSeries(typeof value === 'number' ? [value] : value, `values.${name.slice(0, longestName)}`)
  const label = name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name
  return {
    label,
    mean: list.reduce((sum, each) => sum + each, 0) / list.length,
    low: list.reduce((least, each) => Math.min(least, each), Infinity),
    high: list.reduce((most, each) => Math.max(most, each), -Infinity),
  }
}
