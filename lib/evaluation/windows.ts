/** Windows of a series, to predict what comes next. */

import { type ArrayInput, array, formatShape, type NdArray, type NumericArray, read } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkInteger, checkOptions } from '../checks/validate.js'
import { gather } from './rows.js'

/** Options of {@link windows}. */
export interface WindowsOptions {
  /** How many rows of the series a window has. */
  readonly size: number
  /** How many rows follow as targets; default 1. 0: none, for models that learn the windows themselves. */
  readonly horizon?: number | undefined
  /** How many rows the next window starts later; default 1. */
  readonly step?: number | undefined
  /** How many rows apart those of a window and of its targets are; default 1. */
  readonly sampling?: number | undefined
  /** How many rows between a window and its targets are left out; default 0. */
  readonly gap?: number | undefined
  /** Another series of as many rows, whose rows are the targets. Default: the series itself. */
  readonly targets?: ArrayInput | undefined
}

/** The result of {@link windows}. */
export interface Windows<T extends NumericArray = NumericArray> {
  /** The windows, shape `[windows, size, …row]`. */
  readonly x: NdArray<T>
  /** What follows each window, shape `[windows, horizon, …row]`. */
  readonly y: NdArray
  /** The first row of each window. */
  readonly starts: Uint32Array
}

/**
 * Cuts a series into windows that overlap, each with the rows that follow it, as Keras' `timeseries_dataset_from_array`. Windows that
 * would reach beyond the end are left out. Rows are copied: the result is `size / step` times as large as the series.
 *
 * @param series - The rows of the series, the oldest first: shape `[n]`, or `[n, …row]` for several numbers at a time.
 * @returns Windows and targets of the series' own type, and where each window starts. A dense layer takes windows of a series with one
 * number at a time as they are, shape `[windows, size]`.
 * @throws NeurodeError `ERR_SHAPE` for a series that is too short, or targets of another length; `ERR_ARGUMENT` for other options.
 *
 * @example
 * ```ts
 * import { windows } from 'neurode'
 *
 * const { x, y } = windows([1, 2, 3, 4, 5], { size: 3 })
 * console.log(JSON.stringify(x), JSON.stringify(y)) // [[1,2,3],[2,3,4]] and [[4],[5]]
 * ```
 */
export function windows<T extends NumericArray>(series: T | NdArray<T>, given: WindowsOptions): Windows<T>
export function windows(series: ArrayInput, given: WindowsOptions): Windows
export function windows(series: ArrayInput, given: WindowsOptions, ...more: unknown[]): Windows {
  refuseMore(more, 2, 'windows')
  const names = ['size', 'horizon', 'step', 'sampling', 'gap', 'targets']
  const options = checkOptions(given, names, 'windows')
  const most = 2 ** 32 - 1
  const size = checkInteger(options.size, 'windows: size', 1, most)
  const horizon = checkInteger(options.horizon ?? 1, 'windows: horizon', 0, most)
  const step = checkInteger(options.step ?? 1, 'windows: step', 1, most)
  const sampling = checkInteger(options.sampling ?? 1, 'windows: sampling', 1, most)
  const gap = checkInteger(options.gap ?? 0, 'windows: gap', 0, most)
  const source = read(series, 'series')
  const targets = options.targets === undefined ? source : read(options.targets, 'windows: targets')
  const [rows = 0] = source.shape
  if (targets.shape[0] !== rows) {
    const text = `windows: targets: expected ${rows} rows, as many as the series, got ${targets.shape[0]}`
    throw new NeurodeError('ERR_SHAPE', text)
  }
  const ahead = size * sampling + gap
  const reach = horizon === 0 ? (size - 1) * sampling + 1 : ahead + (horizon - 1) * sampling + 1
  const count = Math.floor((rows - reach) / step) + 1
  if (count < 1) throw new NeurodeError('ERR_SHAPE', `series: expected at least ${reach} rows, got ${rows}`)
  const starts = Uint32Array.from({ length: count }, (_, i) => i * step)
  return { x: cut(source, starts, 0, size, sampling), y: cut(targets, starts, ahead, horizon, sampling), starts }
}

type Source = ReturnType<typeof read>

/** For each start, `size` rows from `from` rows later on, each `every` rows after the one before. */
function cut(source: Source, starts: Uint32Array, from: number, size: number, every: number): NdArray {
  const { elements, shape, scale, offset } = source
  const [rows = 0, ...rowShape] = shape
  if (starts.length * size >= 2 ** 32) {
    throw new NeurodeError(
      'ERR_SHAPE',
      `windows: expected fewer than 2^32 rows, got ${formatShape([starts.length, size])}`,
    )
  }
  const chosen = new Uint32Array(starts.length * size)
  for (const [i, start] of starts.entries()) {
    for (let at = 0; at < size; at++) chosen[i * size + at] = start + from + at * every
  }
  const plain = scale === 1 && offset === 0
  const taken = gather(elements, elements.length / rows, chosen)
  return array(taken, [starts.length, size, ...rowShape], plain ? {} : { scale, offset })
}
