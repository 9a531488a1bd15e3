/** The Plan: a description of a model in names and numbers (layers, loss, metrics, optimizer) that native code compiles. */

/** A row of the native op table by its name, with its numeric parameters in the row's order. */
export interface PlanOp {
  readonly name: string
  readonly params: readonly number[]
}

/** How the initial values of a parameter are drawn. `seed` selects the random stream. */
export type PlanInitializer = { readonly seed: number } & (
  | { readonly name: 'constant'; readonly value: number }
  | { readonly name: 'uniform'; readonly low: number; readonly high: number }
  | { readonly name: 'normal' | 'truncatedNormal'; readonly mean: number; readonly deviation: number }
  | { readonly name: 'orthogonal'; readonly gain: number }
)

/** The groups of features that a row-wise function works on: `length` features at a distance of `inner`. Absent: whole rows. */
export interface PlanAlong {
  readonly length: number
  readonly inner: number
}

/** A constraint that is applied to a parameter after every step. */
export type PlanConstraint = { readonly name: 'notNegative' } | ({ readonly name: 'norm' } & PlanNorm)

export interface PlanNorm {
  readonly least: number
  readonly most: number
  /** The fraction of the way into the bounds that one step moves. */
  readonly rate: number
  /** Groups of elements, in Keras' order, that have a norm each. Absent: one norm for all. */
  readonly along?: PlanAlong | undefined
}

/** One parameter of a layer. */
export interface PlanParameter {
  /** The parameter's name in the layer, if it differs from the member's name. */
  readonly name?: string
  readonly initializer: PlanInitializer
  /** Whether weight decay applies; default true. */
  readonly decays?: boolean
  /** A penalty that is added to the loss. */
  readonly regularizer?: PlanOp | undefined
  readonly constraint?: PlanConstraint | undefined
}

/** Scale and offset of the channels along an axis; if absent they are 1 and 0. */
export interface PlanChannels {
  readonly along?: PlanAlong | undefined
  readonly kernel?: PlanParameter | undefined
  readonly bias?: PlanParameter | undefined
}

/** Statistics of the channels along an axis, as parameters. */
export interface PlanStatistics {
  readonly along?: PlanAlong | undefined
  readonly mean: PlanParameter
  readonly variance: PlanParameter
}

/** One layer with all sizes. */
export type PlanLayer = {
  readonly name: string
  /** Whether training changes its parameters; default true. */
  readonly trainable?: boolean
  /**
   * The values that it reads: 0 is the model's input, and entry k computes value k + 1. Absent: the value before it. A layer with
   * several entries counts them alone, and 0 is its own input.
   */
  readonly from?: readonly number[]
  /** Index of an earlier entry of the same kind whose parameters it uses. */
  readonly shares?: number
} & (
  | {
      readonly kind: 'dense'
      readonly units: number
      /** Number of features of a position, if a row has several positions that all go through the same kernel. */
      readonly inputs?: number
      readonly useBias: boolean
      readonly activation: PlanOp
      readonly kernel: PlanParameter
      readonly bias: PlanParameter
    }
  | { readonly kind: 'activation'; readonly activation: PlanOp; readonly along?: PlanAlong | undefined }
  | { readonly kind: 'noise'; readonly noise: PlanOp; readonly seed: number }
  | { readonly kind: 'rescaling'; readonly scale: number; readonly offset: number }
  | ({ readonly kind: 'feature'; readonly function: PlanOp } & PlanChannels)
  /** y = (x - mean) / sqrt(max(variance, least)), or the inverse if `inverts`. */
  | ({ readonly kind: 'normalization'; readonly least: number; readonly inverts: boolean } & PlanStatistics)
  /** y = (x - mean) / sqrt(variance + epsilon); the moving statistics keep `momentum` of themselves in a step. */
  | ({ readonly kind: 'batchNormalization'; readonly epsilon: number; readonly momentum: number } & PlanChannels &
      PlanStatistics)
  /** Adds a penalty on its input to the loss and passes the input on unchanged. */
  | { readonly kind: 'activityPenalty'; readonly regularizer: PlanOp }
  /** The vectors of integers; with `bag` the sums of those of each `bag` integers, or with `averages` their means. `padding` does not learn. */
  | {
      readonly kind: 'embedding'
      readonly inputs: number
      readonly units: number
      readonly kernel: PlanParameter
      readonly padding?: number | undefined
      readonly bag?: number | undefined
      readonly averages?: boolean | undefined
    }
  /** Transposes rows and columns in every block (rows, columns, inner) of features. */
  | { readonly kind: 'transpose'; readonly rows: number; readonly columns: number; readonly inner: number }
  /** Repeats a row `rows` times. */
  | { readonly kind: 'repeat'; readonly rows: number }
  /** Reduces the `rows` positions of a row to one. */
  | { readonly kind: 'pooling'; readonly pooling: PlanOp; readonly rows: number }
  /** Every `rows` integers become `columns` values: whether (or with `counts`, how often) each integer below `columns` occurs. */
  | { readonly kind: 'encoding'; readonly rows: number; readonly columns: number; readonly counts: boolean }
  /** An elementwise function of inputs of the same size: add, subtract, multiply, average, maximum or minimum. */
  | { readonly kind: 'merge'; readonly merge: PlanOp }
  /** Joins inputs of (rows, columns) along their columns. */
  | { readonly kind: 'concatenation'; readonly rows: number }
  /** The inner product of two inputs of the same size, of their unit vectors if `normalize`: one value. */
  | { readonly kind: 'dot'; readonly normalize: boolean }
  /** The columns from `begin` on of an input of `rows` rows. */
  | { readonly kind: 'take'; readonly rows: number; readonly begin: number; readonly columns: number }
)

/** The type that the factors of large matrix products are rounded to; sums and everything else are float32. */
export type Precision = 'float32' | 'tf32' | 'bfloat16'

/** The description of a model that native code compiles. */
export interface Plan {
  /** Number of features in one row of input. */
  readonly inputSize: number
  readonly layers: readonly PlanLayer[]
  /** The value that is the model's output; default: that of the last layer. */
  readonly output?: number
  /** Default `float32`. */
  readonly precision?: Precision
  /** Absent for a model that was not compiled and can only predict. */
  readonly training?: {
    /** The outputs. Those of several lie side by side in the model's output, in this order. */
    readonly heads: readonly PlanHead[]
    /** Whether ranges may return `captured` rows and take `gradients`; default false. */
    readonly captures?: boolean
    /** Whether gradients are kept, so that ranges without an update compute them and they can be read and set; default false. */
    readonly gradients?: boolean
    /** Whether ranges may return the gradients of the input; default false. */
    readonly inputGradients?: boolean
    /** Whether layers compute in training as in a prediction: without noise, by moving statistics; default false. */
    readonly inference?: boolean
    /** Default: a batch is one part. */
    readonly parts?: PlanParts
  } & PlanUpdate
}

/** How batches are cut: into `count` parts, a power of two, of which the model computes `mine`, from the part `first` on. */
export interface PlanParts {
  readonly count: number
  readonly first: number
  readonly mine: number
}

/** An output of the model with its loss and metrics. */
export interface PlanHead {
  /** The value that is the output; default: that of the Plan. */
  readonly value?: number
  /** Number of positions of an output row, each with its own targets, weight, loss and metrics; default 1. */
  readonly positions?: number
  /** Absent: the output has no loss. */
  readonly loss?: PlanOp
  /** The factor of the loss in that of the model; default 1. */
  readonly lossWeight?: number
  readonly reduction: 'mean' | 'sum' | 'weightedMean'
  readonly metrics: readonly PlanOp[]
  /** Metrics of several sums; default: none. */
  readonly tallies?: readonly PlanTally[] | undefined
  /** Index of the first metric that applies the weights of rows; default: none does. */
  readonly weightedFrom?: number
}

/** A metric whose value is computed from several sums over rows. Members that a kind does not read are absent. */
export interface PlanTally {
  /**
   * What is summed. All but `moments` sum weights of rows.
   * - `thresholds`: by how many thresholds an output is above, positive and negative targets
   * - `classes`: by output, true positives, false positives and false negatives
   * - `confusion`: (classes, classes), the classes of a row's target and output
   * - `sides`: the same of each output, whose class is 1 above the threshold and 0 otherwise
   * - `moments`: values and weight; by output, targets, their squares, and squared errors
   * - `pearson`, `concordance`, `crossentropy`: a value of each row, and the weight
   */
  readonly kind:
    | 'thresholds'
    | 'classes'
    | 'confusion'
    | 'sides'
    | 'moments'
    | 'pearson'
    | 'concordance'
    | 'crossentropy'
  /** In ascending order. `classes` without one: the largest outputs of a row are positive. */
  readonly thresholds?: Float32Array | undefined
  /** The only output that counts; for `crossentropy`, the one that does not. Default: all count. */
  readonly classId?: number | undefined
  /** So many of a row's outputs can be positive; default: all. */
  readonly topK?: number | undefined
  readonly classes?: number | undefined
  /** Whether a target between 0 and 1 is positive with that weight and negative with the rest; default false. */
  readonly soft?: boolean | undefined
  /** Whether outputs are clipped to 0 … 1; default false. */
  readonly clips?: boolean | undefined
  /** Whether each output has its own sums by thresholds; default false. */
  readonly byOutput?: boolean | undefined
  readonly fromLogits?: boolean | undefined
  /** Whether the weights of rows apply; default false: each row counts 1. */
  readonly weighted?: boolean | undefined
}

/** How gradients change weights: accumulation, clipping, decay, optimizer, averaging, in this order. The default of each is none. */
export interface PlanUpdate {
  readonly optimizer: PlanOp
  /** Decoupled weight decay; it is multiplied by the learning rate. */
  readonly weightDecay: number
  /** At most one of the three ways of clipping is given. */
  readonly clipValue?: number
  readonly clipNorm?: number
  readonly globalClipNorm?: number
  /** Number of steps whose gradients are averaged for one update; default 1. */
  readonly accumulationSteps?: number
  /** Whether an exponential moving average of the weights is kept; default false. */
  readonly averages?: boolean
  readonly averageMomentum?: number
  /** The weights are replaced by their averages every time this number of updates is done. */
  readonly overwriteFrequency?: number
  /** Whether steps change only those vectors of tables that their batches name. */
  readonly lazy?: boolean
}
