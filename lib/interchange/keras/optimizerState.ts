/** The variables of Keras' optimizers, which files tell apart by their order alone, and those of Neurode. */

import { formatShape } from '../../arrays/arrays.js'
import { shapedArray } from '../../arrays/shapedArray.js'
import { toFloats } from '../../arrays/typedArrays.js'
import type { FileArray } from '../../formats/npy.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import type { Hdf5File } from '../hdf5/hdf5.js'
import type { KerasOptimizer, KerasVariable } from './types.js'

/** How an optimizer's own variables are stored: lists of slots that alternate, one list after the other. */
interface Layout {
  readonly lists: readonly (readonly number[])[]
  /** Single numbers at the end, which follow from the step. */
  readonly scalars?: number
  /** What Keras adds to the first slot and Neurode does not. */
  readonly initial?: number
}

const pair: Layout = { lists: [[0, 1]] }
const adam = ({ amsgrad }: JsonObject): Layout => ({ lists: amsgrad === true ? [[0, 1], [2]] : [[0, 1]] })
const initialOf = ({ initial_accumulator_value: value = 0.1 }: JsonObject) => Number(value)

/** Layouts by Keras' classes. */
const layouts: Readonly<Record<string, (config: JsonObject) => Layout>> = {
  SGD: ({ momentum = 0 }) => ({ lists: momentum === 0 ? [] : [[0]] }),
  Adam: adam,
  AdamW: adam,
  RMSprop: ({ momentum = 0, centered }) => {
    const lists = [[0], ...(Number(momentum) > 0 ? [[1]] : []), ...(centered === true ? [[2]] : [])]
    return { lists: lists.map((_, slot) => [slot]) }
  },
  Nadam: () => ({ ...pair, scalars: 1 }),
  Adamax: () => pair,
  Adagrad: (config) => ({ lists: [[0]], initial: initialOf(config) }),
  Adadelta: () => pair,
  Lion: () => ({ lists: [[0]] }),
  Ftrl: (config) => ({ ...pair, initial: initialOf(config) }),
}

/** The lists of slots in the order of Keras' files: averages and accumulated gradients come first there, and last in Neurode. */
export function optimizerLists({ className, config }: KerasOptimizer): Layout {
  const layout = (layouts[className] as (config: JsonObject) => Layout)(config)
  const own = layout.lists.flat().length
  const accumulates = isMany(config.gradient_accumulation_steps)
  const averages = config.use_ema === true
  const before = [...(averages ? [[own + Number(accumulates)]] : []), ...(accumulates ? [[own]] : [])]
  return { ...layout, lists: [...before, ...layout.lists] }
}

const isMany = (steps: Json | undefined) => typeof steps === 'number' && steps > 1

/** An optimizer's state as Neurode has it. */
export interface OptimizerState {
  readonly step: number
  readonly slots: Map<string, FileArray>[]
  /** The learning rate, where the file has it as a variable. */
  readonly rate: number | undefined
}

/**
 * Reads the state of an optimizer from datasets in its order. `grouped` says that each kind of variable is stored for all weights before
 * the next kind, as old files do. Returns the reason if the datasets are not those of the optimizer.
 */
export async function readState(
  file: Hdf5File,
  paths: readonly string[],
  optimizer: KerasOptimizer,
  trained: readonly KerasVariable[],
  grouped = false,
): Promise<OptimizerState | string> {
  const layout = optimizerLists(optimizer)
  const sets = paths.map((path) => file.dataset(path))
  const shapes = sets.map((set) => set?.shape ?? [])
  // Files of TensorFlow 2 have no learning rate among the variables, and those of Keras 3 have none where it is a schedule.
  const hasRate = !optimizer.scheduled && sets[1]?.dtype !== 'int64' && sets.length > 1 && shapes[1]?.length === 0
  const lists = grouped ? layout.lists.flat().map((slot) => [slot]) : layout.lists
  const order = lists.flatMap((slots) => trained.flatMap((variable) => slots.map((slot) => ({ slot, variable }))))
  const first = hasRate ? 2 : 1
  // Before Keras 2.3, Adam had placeholders for what only AMSGrad has.
  const placeholders = grouped && shapes.length === first + order.length + trained.length ? trained.length : 0
  const expected = first + order.length + (grouped ? placeholders : (layout.scalars ?? 0))
  const missing = sets.findIndex((set) => set === undefined || set.problem !== undefined)
  if (missing >= 0 || sets.length !== expected) {
    return `expected ${expected} variables of ${optimizer.className}, got ${missing < 0 ? sets.length : `none at '${paths[missing]}'`}`
  }
  const other = order.findIndex(
    ({ variable }, i) => !isSameShape(variable.shape ?? [], shapes[first + i] as readonly number[]),
  )
  if (other >= 0 || shapes[0]?.length !== 0) {
    const at = other < 0 ? 0 : first + other
    return `variable ${at} of ${optimizer.className} has the shape ${formatShape(shapes[at] ?? [])}`
  }
  const arrays = await file.read(paths.slice(0, first + order.length))
  const step = arrays[0]?.data[0] as number
  if (!Number.isSafeInteger(step) || step < 0) return `its step is ${step}`
  const slots: Map<string, FileArray>[] = []
  for (const [i, { slot, variable }] of order.entries()) {
    const { data, shape } = arrays[first + i] as FileArray
    const offset = slot === 0 ? (layout.initial ?? 0) : 0
    const values =
      offset === 0
        ? toFloats(data)
        : Float32Array.from(data as ArrayLike<number>, (value) => Math.max(0, value - offset))
    slots[slot] ??= new Map()
    slots[slot].set(variable.weight as string, shapedArray(values, shape, { dtype: 'float32' as const }))
  }
  return { step, slots, rate: hasRate ? (arrays[1]?.data[0] as number) : undefined }
}

const isSameShape = (a: readonly number[], b: readonly number[]) => formatShape(a) === formatShape(b)
