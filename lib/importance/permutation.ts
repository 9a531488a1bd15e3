/** The importance of columns for a model's predictions. */

import { type ArrayInput, array, checkRows, formatShape, type NdArray, read } from '../arrays/arrays.js'
import { copyOf } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { checkOptions, refuse } from '../checks/validate.js'
import { isTable, type Table } from '../tables/table.js'
import type { TabularModel } from '../tabular/types.js'
import { importanceOfTable, type TableImportanceOptions } from './ofTable.js'
import { type PermutationImportance, type ShufflingOptions, shuffleEach } from './shuffled.js'

/** A function from rows, shape `[n, width]`, to predictions, or an object with such a method: a model. */
export type RowPredictor<P> = ((rows: NdArray) => P | Promise<P>) | { predict(rows: NdArray): P | Promise<P> }

/** Options of {@link permutationImportance} for a model of arrays. */
export interface ArrayImportanceOptions<Y, P> extends ShufflingOptions {
  /** A number for targets and predictions, larger for better ones, such as an accuracy or R². */
  readonly score: (targets: Y, predictions: P) => number | Promise<number>
  /** Names of the columns. Default: their numbers from 0. */
  readonly names?: readonly string[] | undefined
}

/**
 * Measures how much a trained model relies on each column of its input, as scikit-learn's `permutation_importance`: the values of the
 * column change places among the rows, and the importance is by how much a score falls. Rows that the model was not trained on show what
 * it relies on where it matters. Columns that tell the same share their importance: each seems to matter little.
 *
 * @param model - A model of one input, or a function from rows to predictions.
 * @param x - Rows of input, shape `[n, width]`.
 * @param y - Their targets, which are given to `score` as they are.
 * @returns The importance of each column, the largest first.
 *
 * Rejects with `ERR_ARGUMENT` if the score is no finite number, `ERR_SHAPE` for other rows or as many names as there are no columns,
 * `ERR_ABORTED`, and with what the model and `score` throw.
 *
 * @example
 * ```ts
 * import { layers, permutationImportance, regressionReport, sequential } from 'neurode'
 *
 * const x = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i * 7)])
 * const y = x.map(([a = 0]) => 2 * a)
 * const model = sequential([layers.dense({ units: 1, inputShape: [2] })]).compile({ optimizer: 'adam', loss: 'mse' })
 * await model.fit(x, y, { epochs: 200, verbose: 0 })
 * const { columns } = await permutationImportance(model, x, y, {
 *   score: (targets, predictions) => regressionReport(targets, predictions).r2,
 *   names: ['a', 'b'],
 *   seed: 1,
 * })
 * console.table(columns) // a: about 2, b: about 0
 * ```
 */
export function permutationImportance(
  model: TabularModel,
  rows: Table,
  options?: TableImportanceOptions,
): Promise<PermutationImportance>
export function permutationImportance<Y extends ArrayInput | readonly unknown[], P>(
  model: RowPredictor<P>,
  x: ArrayInput,
  y: Y,
  options: ArrayImportanceOptions<Y, P>,
): Promise<PermutationImportance>
export async function permutationImportance(
  model: TabularModel | RowPredictor<unknown>,
  x: Table | ArrayInput,
  y: unknown,
  given?: ArrayImportanceOptions<unknown, unknown>,
  ...more: unknown[]
): Promise<PermutationImportance> {
  if (isTable(x)) {
    refuseMore([given, ...more], 3, 'permutationImportance')
    return importanceOfTable(
      checkTabular(model),
      x,
      checkOptions(y as TableImportanceOptions, ofTables, 'permutationImportance'),
    )
  }
  return ofArrays(model as RowPredictor<unknown>, x, y, given, more)
}

const ofTables = ['score', 'repeats', 'seed', 'signal']

function checkTabular(model: unknown): TabularModel {
  const isModel = typeof model === 'object' && model !== null && (model as Partial<TabularModel>).kind === 'tabular'
  return isModel ? (model as TabularModel) : refuse('model', 'a model of a table for rows of a table', model)
}

async function ofArrays(
  model: RowPredictor<unknown>,
  x: ArrayInput,
  y: unknown,
  given: ArrayImportanceOptions<unknown, unknown> | undefined,
  more: readonly unknown[],
): Promise<PermutationImportance> {
  refuseMore(more, 4, 'permutationImportance')
  const options = checkOptions(given, ['score', 'names', 'repeats', 'seed', 'signal'], 'permutationImportance')
  const predict = readPredictor(model)
  const score: unknown = options.score
  if (typeof score !== 'function')
    refuse('permutationImportance: score', 'a function of targets and predictions', score)
  const { elements, shape, scale, offset } = read(x, 'x')
  const [rows = 0, width = 0] = shape
  if (shape.length !== 2 || width === 0) {
    throw new NeurodeError('ERR_SHAPE', `x: expected shape [n, width], got ${formatShape(shape)}`)
  }
  checkRows(rows, 'x')
  return shuffleEach(
    {
      names: readNames(options.names, width),
      rows,
      async score(column = 0, order) {
        const shuffled = copyOf(elements)
        order?.forEach((from, row) => {
          shuffled[row * width + column] = elements[from * width + column] as number
        })
        return options.score(y, await predict(array(shuffled, shape, { scale, offset })))
      },
    },
    options,
  )
}

function readPredictor(model: unknown): (rows: NdArray) => unknown {
  if (typeof model === 'function') return model as (rows: NdArray) => unknown
  const method = (model as { readonly predict?: unknown } | null | undefined)?.predict
  if (typeof method === 'function') return (rows) => Reflect.apply(method, model, [rows])
  return refuse('model', 'a model, or a function from rows to predictions', model)
}

function readNames(value: unknown, width: number): readonly string[] {
  if (value === undefined) return Array.from({ length: width }, (_, i) => String(i))
  const argument = 'permutationImportance: names'
  if (!Array.isArray(value)) return refuse(argument, `a list of ${width} names`, value)
  const names = Array.from(value, (name: unknown, i) =>
    typeof name === 'string' ? name : refuse(`${argument}[${i}]`, 'a text', name),
  )
  if (names.length !== width) {
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${width}, one for each column, got ${names.length}`)
  }
  return new Set(names).size === width ? names : refuse(argument, 'names that differ from each other', value)
}
