/** What the readers and writers of Keras' files know of a model: its description, and the variables of its layers in Keras' order. */

import type { Shape } from '../../layers/layer.js'
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
  /** Weights of Neurode that are no variables in Keras: the statistics that the config of a Normalization gives. */
  readonly constants?: readonly KerasConstant[] | undefined
  /** Type of the stored variables: float32, float16, bfloat16 or float64. */
  readonly dtype: string
  /** How the first variable is quantized: it is an integer over a scale, and its scale is the last variable. */
  readonly quantized?: 'int8' | undefined
  /** Of a nested model: its layers. */
  readonly layers?: readonly KerasLayer[] | undefined
}

/** A variable of a layer. */
export interface KerasVariable {
  /** Keras' name, such as `kernel`. */
  readonly name: string
  /** The shape; undefined for a scale, whose shape follows from what it scales. */
  readonly shape: Shape | undefined
  /** Whether Keras' optimizer has variables for it: false for statistics, and in frozen layers. */
  readonly trainable: boolean
  /** The name of Neurode's weight, such as `dense/kernel`; undefined for one that we have not, such as Normalization's count. */
  readonly weight: string | undefined
}

/** A weight whose values the config gives. */
export interface KerasConstant {
  readonly weight: string
  readonly shape: Shape
  /** As many values as the shape has, in order. */
  readonly values: readonly number[]
}

/** An optimizer as Keras names it. */
export interface KerasOptimizer {
  /** Keras' class, such as `Adam`. */
  readonly className: string
  /** Neurode's name, such as `adam`. */
  readonly name: string
  /** Keras' options by their names in Keras 3, as far as the config has them. */
  readonly config: JsonObject
  /** Whether the learning rate is a schedule, for which there is no variable. */
  readonly scheduled: boolean
  /** Whether it stands within a LossScaleOptimizer. */
  readonly lossScaled: boolean
}

/** Which Keras wrote a config, or is to read it. */
export type Era = 'keras3' | 'keras2' | 'tfjs'

/** What a reader knows of a config beside the config. */
export interface ConfigSource {
  /** Keras' version, or `tfjs-layers …`, as the file names it; without it, the spelling of the config tells. */
  readonly version?: Json | undefined
  /** `compile_config` of Keras 3, or `training_config` of older files; default the `compile_config` beside the config. */
  readonly training?: Json | undefined
}

/** How to write a config. */
export interface ConfigOptions {
  /** Who reads it: Keras 3 (default), or TensorFlow.js, which has older names and fewer layers. */
  readonly era?: 'keras3' | 'tfjs' | undefined
}

/** What Keras' files say of a model, made of a Neurode model. */
export interface KerasConfig {
  /** The root object of `config.json`, without `compile_config`. */
  readonly config: JsonObject
  /**
   * What `compile_config` says, or `trainingConfig` of TensorFlow.js; undefined for a model that is not compiled, or whose loss or learning
   * rate Keras cannot have.
   */
  readonly compileConfig: JsonObject | undefined
  /** In the order of Keras' `model.layers`. */
  readonly layers: readonly KerasLayer[]
  /** The optimizer; undefined without `compileConfig`. */
  readonly optimizer: KerasOptimizer | undefined
  /** What Keras' format cannot hold, each in words. */
  readonly leftOut: readonly string[]
}
