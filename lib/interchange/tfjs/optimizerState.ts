/** The variables of TensorFlow.js' optimizers, by the names that its files give them, and those of Neurode. */

import { formatShape } from '../../arrays/arrays.js'
import { shapedArray } from '../../arrays/shapedArray.js'
import { toFloats } from '../../arrays/typedArrays.js'
import type { TrainingState } from '../../core/core.js'
import type { FileArray } from '../../formats/npy.js'
import type { KerasOptimizer } from '../keras/types.js'
import type { StoredWeight } from './manifest.js'
import type { NamedVariable } from './names.js'

/** The variables of one kind, of which there is one for each weight that is trained. */
interface Kind {
  /** What their names end with. */
  readonly name: string
  /** Neurode's slot; undefined for variables that have no effect. */
  readonly slot: number | undefined
  /** Neurode's values are `factor` times those of TensorFlow.js, less `offset`. */
  readonly factor?: number
  readonly offset?: number
}

/** The kinds by Keras' classes, in the order of TensorFlow.js. */
const kinds: Readonly<Record<string, (config: KerasOptimizer['config']) => readonly Kind[]>> = {
  // TensorFlow.js multiplies the velocity by the rate when it steps, and Keras multiplies the gradient by it when it adds it.
  SGD: ({ momentum = 0, learning_rate: rate = 0.01 }) =>
    Number(momentum) === 0 ? [] : [{ name: 'momentum', slot: 0, factor: -Number(rate) }],
  Adam: () => [
    { name: 'm', slot: 0 },
    { name: 'v', slot: 1 },
  ],
  RMSprop: ({ momentum = 0, centered = false }) => [
    { name: 'rms', slot: 0 },
    { name: 'momentum', slot: Number(momentum) > 0 ? 1 : undefined },
    ...(centered === true ? [{ name: 'mg', slot: Number(momentum) > 0 ? 2 : 1 }] : []),
  ],
  Adagrad: ({ initial_accumulator_value: initial = 0.1 }) => [
    { name: 'accumulator', slot: 0, offset: Number(initial) },
  ],
  Adadelta: () => [
    { name: 'accum_grad', slot: 0 },
    { name: 'accum_var', slot: 1 },
  ],
}

function kindsOf({ className, config }: KerasOptimizer): readonly Kind[] | undefined {
  return Object.hasOwn(kinds, className) ? kinds[className]?.(config) : undefined
}

/** Optimizers that take other steps in TensorFlow.js than in Keras and here, and how they differ. */
const differing: readonly (readonly [matches: (optimizer: KerasOptimizer) => boolean, difference: string])[] = [
  [
    ({ className, config }) => className === 'Adadelta' && config.previous_average !== true,
    'Adadelta of TensorFlow.js takes other steps: it divides by the average of squares before the gradient is added',
  ],
  [
    ({ className, config }) => className === 'RMSprop' && config.centered === true,
    'centered RMSProp of TensorFlow.js takes other steps: it subtracts epsilon where Keras adds it',
  ],
]

/** How the steps of the optimizer differ from those that TensorFlow.js takes, in words. */
export function differences(optimizer: KerasOptimizer): string[] {
  return differing.filter(([matches]) => matches(optimizer)).map(([, difference]) => difference)
}

const stepName = 'iter'

/** An optimizer's state as Neurode has it. */
export interface OptimizerState {
  readonly step: number
  readonly slots: readonly ReadonlyMap<string, FileArray>[]
}

/** Reads the state of an optimizer; undefined if there is none. Returns the reason if the variables are not those of the optimizer. */
export function readState(
  stored: ReadonlyMap<string, StoredWeight>,
  optimizer: KerasOptimizer,
  trained: readonly NamedVariable[],
): OptimizerState | string | undefined {
  const own = [...stored.values()].filter(({ isOptimizers }) => isOptimizers)
  if (own.length === 0) return undefined
  const all = kindsOf(optimizer)
  if (all === undefined) return `the variables of ${optimizer.className} are not known`
  if (new Set(trained.map(({ name }) => name)).size !== trained.length) return 'several layers have the same name'
  const step = stored.get(stepName)?.array.data[0] as number | undefined
  if (step === undefined || !Number.isSafeInteger(step) || step < 0) return `its step is ${step}`
  if (own.length !== 1 + all.length * trained.length) {
    return `expected ${1 + all.length * trained.length} variables of ${optimizer.className}, got ${own.length}`
  }
  const slots: Map<string, FileArray>[] = []
  for (const { name, slot, factor = 1, offset = 0 } of all) {
    // TensorFlow.js numbers the variables of all its models: `dense/kernel_7/m`.
    const named = new Map(
      own.flatMap(({ name: full, array }) => {
        return full.endsWith(`/${name}`) ? [[full.slice(0, -name.length - 1).replace(/_\d+$/, ''), array] as const] : []
      }),
    )
    for (const variable of trained) {
      const array = named.get(variable.name)
      if (array === undefined || formatShape(array.shape) !== formatShape(variable.shape)) {
        return `there is no ${name} of '${variable.name}' with the shape ${formatShape(variable.shape)}`
      }
      if (slot === undefined) continue
      const floats = toFloats(array.data)
      const changed = factor !== 1 || offset !== 0
      const values = changed ? floats.map((value) => factor * value - offset) : floats
      slots[slot] ??= new Map()
      slots[slot].set(variable.weight, shapedArray(values, variable.shape, { dtype: 'float32' as const }))
    }
  }
  return { step, slots }
}

/** A variable of an optimizer to write. */
export interface WrittenVariable {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array
}

/** The variables of an optimizer as TensorFlow.js stores them, the number of steps first. */
export function writtenState(
  { step, slots, weights }: TrainingState,
  optimizer: KerasOptimizer,
  trained: readonly NamedVariable[],
): WrittenVariable[] | undefined {
  const all = kindsOf(optimizer)
  if (all === undefined) return undefined
  const places = new Map(weights.map(({ name }, i) => [name, i]))
  const variables = all.flatMap(({ name: kind, slot, factor = 1, offset = 0 }) =>
    trained.map(({ name, weight, shape }): WrittenVariable => {
      const own = slot === undefined ? undefined : slots[slot]?.[places.get(weight) as number]
      const count = shape.reduce((product, size) => product * size, 1)
      const data = (own ?? new Float32Array(count)).map((value) => (value + offset) / factor)
      return { name: `${name}/${kind}`, shape, data }
    }),
  )
  return [{ name: stepName, shape: [], data: Int32Array.of(step) }, ...variables]
}
