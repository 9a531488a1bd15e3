/** Custom metrics, which users define in TypeScript. */

import { sealed } from '../checks/made.js'
import { checkName, checkOptions, refuse, refuseUseless } from '../checks/validate.js'
import type { CapturedBatch, MetricState } from './captured.js'
import { ratio } from './metricNumbers.js'
import { identity, type Metric, rowsOrClasses } from './metricTable.js'

/**
 * Options of a custom metric, which is computed in TypeScript from the rows of outputs and targets. Its value over an epoch is exact. It
 * is slower than a built-in metric, as native code has to pass every row to TypeScript. Model files contain its name only; pass it to
 * `load(path, { metrics: [bias] })` again.
 *
 * @example
 * ```ts
 * import { layers, metrics, sequential } from 'neurode'
 *
 * const largest = metrics.custom({
 *   name: 'largest',
 *   state: () => {
 *     let largest = 0
 *     return {
 *       updateState({ outputs, targets }) {
 *         outputs.forEach((y, i) => {
 *           largest = Math.max(largest, Math.abs(y - (targets[i] ?? 0)))
 *         })
 *       },
 *       result: () => largest,
 *     }
 *   },
 * })
 * const bias = metrics.custom({
 *   name: 'bias',
 *   rows: ({ outputs, targets }) => outputs.map((y, i) => y - (targets[i] ?? 0)),
 * })
 * const model = sequential([layers.dense({ units: 1, inputShape: [2] })])
 * model.compile({ loss: 'mse', metrics: [largest, bias] })
 * ```
 */
export interface CustomMetricOptions<Key extends string = string> {
  /** Key in logs and results. */
  readonly name: Key
  /** Makes the state for an epoch or an evaluation: an object with `updateState` and `result`. Either this or `rows` is required. */
  readonly state?: ((outputs: number) => MetricState) | undefined
  /** Returns one value for each row of a batch; the metric is the mean of these values. */
  readonly rows?: ((batch: CapturedBatch) => ArrayLike<number>) | undefined
  /** Whether smaller or larger values are better; default `min`. */
  readonly best?: 'min' | 'max' | undefined
}

class ValuesState implements MetricState {
  readonly numbers = new Float64Array(2)
  readonly #values: (batch: CapturedBatch) => ArrayLike<number>
  readonly #argument: string

  constructor(values: (batch: CapturedBatch) => ArrayLike<number>, argument: string) {
    this.#values = values
    this.#argument = argument
  }

  updateState(batch: CapturedBatch): void {
    const values = this.#values(batch)
    const rows = batch.shape[0]
    if (values?.length !== rows) refuse(`${this.#argument}: rows`, `a function that gives ${rows} numbers`, values)
    for (let row = 0; row < rows; row++) {
      const weight = batch.weights[row] as number
      this.numbers[0] = (this.numbers[0] as number) + weight * (values[row] as number)
      this.numbers[1] = (this.numbers[1] as number) + weight
    }
  }

  result(): number {
    const [sum = 0, weight = 0] = this.numbers
    return ratio(sum, weight)
  }
}

export function customMetric<const Key extends string>(given: CustomMetricOptions<Key>): Metric<Key> {
  const argument = 'metrics.custom'
  const { name, state, rows, best = 'min' } = checkOptions(given, ['name', 'state', 'rows', 'best'], argument)
  const key = checkKey(name, argument)
  if (typeof (state ?? rows) !== 'function' || (state !== undefined && rows !== undefined)) {
    refuse(argument, 'either state or rows, a function', state ?? rows)
  }
  const make = state ? checked(state, argument) : () => new ValuesState(rows as NonNullable<typeof rows>, argument)
  return metricOf(key as Key, best, make)
}

/** A function that makes the user's states and checks that they have the required functions. */
function checked(make: NonNullable<CustomMetricOptions['state']>, argument: string) {
  return (outputs: number): MetricState => {
    const state: Partial<MetricState> | undefined = make(outputs)
    if (typeof state?.updateState === 'function' && typeof state.result === 'function') return state as MetricState
    return refuse(`${argument}: state`, 'a function that gives an object with updateState and result', state)
  }
}

function metricOf<Key extends string>(
  key: Key,
  best: 'min' | 'max',
  state: NonNullable<CustomMetricOptions['state']>,
): Metric<Key> {
  const resolved = { key, state, targets: rowsOrClasses, leastOutputs: 1, finish: identity, best, isCustom: true }
  return sealed({ kind: 'metric', name: key, id: customId, options: { best }, resolve: () => resolved })
}

/** The id of custom metrics in model files. */
export const customId = 'custom'

/** Stands for a custom metric that was not passed to load(). */
export function missingMetric(name: string, best: 'min' | 'max'): Metric {
  const state = () => refuse(`metric '${name}'`, 'the function that load was not given', undefined)
  return sealed({ ...metricOf(name, best, state), missing: true })
}

/** Names that metrics cannot have: other keys of logs, results and paths, and `__proto__`. */
const taken: ReadonlySet<string> = new Set(['loss', 'epoch', 'batch', 'perClass', '__proto__'])

/** Checks a name that will be a key in logs and results. */
export function checkKey(value: unknown, argument: string): string {
  const name = checkName(value, `${argument}: name`)
  if (taken.has(name) || name.startsWith('val_')) {
    refuseUseless(`${argument}: name`, "a name but 'loss', 'epoch', 'batch', 'perClass' or 'val_…'", name)
  }
  return name
}
