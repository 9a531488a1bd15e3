/** What the readers and writers of Keras' files know of a model: its description, and the variables of its layers in Keras' order. */

import type { Json, JsonObject } from '../../persistence/description.js'

/** What a Keras config says, in Neurode's terms. */
export interface KerasModel {
  /** The structure, as `describeStructure` writes it. */
  readonly model: JsonObject
  /** The compile settings, as `describeSettings` writes them; undefined for a model that is not compiled. */
  readonly training: JsonObject | undefined
  /** In the order of Keras' `model.layers`; a Sequential has no input layers there. */
  readonly layers: readonly KerasLayer[]
  /** Undefined for a model that is not compiled. */
  readonly optimizer: KerasOptimizer | undefined
  /** What the config says and the description does not hold, each in words. */
  readonly notes: readonly string[]
}

/** A layer of a Keras model and its variables. */
export interface KerasLayer {
  /** Keras' class, such as `Dense` or `Functional`. */
  readonly className: string
  readonly name: string
  /** Variables in Keras' order: trainable ones as created, then the others. Those of a nested model are those of its layers. */
  readonly variables: readonly KerasVariable[]
  /** Type of the stored variables: float32, float16, bfloat16 or float64. */
  readonly dtype: string
  /** How variables are quantized; `kernel_scale` then is the last of them. */
  readonly quantized?: 'int8'
  /** Of a nested model: its layers. */
  readonly layers?: readonly KerasLayer[]
}

export interface KerasVariable {
  /** Keras' name, such as `kernel`. */
  readonly name: string
  /** Whether Keras' optimizer has variables for it: false for statistics, and in frozen layers. */
  readonly trainable: boolean
  /** The name of Neurode's weight, such as `dense/kernel`; undefined for one that we have not, such as Normalization's count. */
  readonly weight: string | undefined
}

/** An optimizer as Keras names it. */
export interface KerasOptimizer {
  /** Keras' class, such as `Adam`. */
  readonly className: string
  /** Keras' options by their names in Keras 3, as far as the config has them. */
  readonly config: JsonObject
  /** Whether the learning rate is a schedule, for which there is no variable. */
  readonly scheduled: boolean
  /** Whether it stands within a LossScaleOptimizer. */
  readonly lossScaled: boolean
}

/** What Keras' files say of a model, made of a Neurode model. */
export interface KerasConfig {
  /** The root object of `config.json`, without `compile_config`. */
  readonly config: JsonObject
  /** Undefined for a model that is not compiled, or whose loss, metric or learning rate Keras cannot have. */
  readonly compileConfig: Json | undefined
  readonly layers: readonly KerasLayer[]
  /** The optimizer; undefined without `compileConfig`. */
  readonly optimizer: KerasOptimizer | undefined
  /** What Keras' format cannot hold, each in words. */
  readonly leftOut: readonly string[]
}
