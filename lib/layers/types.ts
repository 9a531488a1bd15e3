/** Types that layers, models and the functions between them share. */

import type { NestedNumbers } from '../arrays/arrays.js'

/** Shape of one row, without the dimension of the rows themselves. */
export type Shape = readonly number[]

/** One parameter of a layer. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: Shape
  /** False for statistics that the layer updates itself, such as moving means, and that no optimizer changes. Default true. */
  readonly trainable?: boolean | undefined
}

/** A copy of a parameter's values, in Keras' shape. */
export interface Weight {
  /** Names of the layer and the parameter: `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  readonly dtype: 'float32'
  /** The values, row-major. */
  readonly data: Float32Array
  /** Returns the values as nested lists, for `JSON.stringify`. */
  readonly toJSON?: (() => NestedNumbers) | undefined
}

/** What a layer needs to make its part of the Plan. */
export interface PlanContext {
  /** The layer's name in the model. */
  readonly name: string
  /** The seed of a parameter's initial values, derived from a model's seed and the layer's index in it. */
  seedFor(parameter: string): number
  /** The seed of random numbers in training: `given`, or one derived from the model's seed. Each call of a layer has its own. */
  noiseSeed(given: number | undefined): number
}

/** The type of the output of a layer that changes the size of its input's last dimension. */
export interface LastAxis<Size extends number = number> {
  readonly lastAxis: Size
}

/** A shape with another last dimension; if the number of dimensions is unknown, it is assumed to be one. */
export type WithLastAxis<Before, Size extends number> = Before extends readonly [...infer Others extends Shape, number]
  ? readonly [...Others, Size]
  : readonly [Size]

/** The shape of a layer's output for an input of the shape `In`, as far as the type of the layer determines it. */
export type Applied<Out, In extends Shape> = Out extends 'same'
  ? In
  : Out extends LastAxis<infer Size>
    ? WithLastAxis<In, Size>
    : Out extends Shape
      ? Out
      : Shape

/** What numbers an input holds: any, bytes from 0 to 255, or integers, such as indices for {@link Embedding}. */
export type InputType = 'float32' | 'uint8' | 'int32'

/** Options that every layer has. */
export interface LayerOptions<In extends Shape = Shape> {
  /** Name in the model; default: the kind with a number, such as `dense`, `dense_1`. */
  readonly name?: string | undefined
  /** Shape of one row of input; needed on the first layer of a model only. */
  readonly inputShape?: In | undefined
  /** Whether training changes the layer's parameters; default true. It can be changed later: {@link Layer.trainable}. */
  readonly trainable?: boolean | undefined
}

/** Names of the options that every layer has. */
export const layerOptionNames = ['name', 'inputShape', 'inputDim', 'trainable'] as const
