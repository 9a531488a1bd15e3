/** The Plan: what crosses to C++ once per model. It says of every layer, loss and optimizer what it is, in names and numbers. */

/** A row of the op table by name, with its numbers in the order the row declares. */
export interface PlanOp {
  readonly name: string
  readonly params: readonly number[]
}

/** How a parameter gets its first values. `seed` picks the random stream. */
export interface PlanInitializer {
  readonly name: 'constant' | 'uniform' | 'normal' | 'truncatedNormal' | 'orthogonal'
  /** constant: value; uniform: low, high; normal, truncatedNormal: mean, standard deviation; orthogonal: gain. */
  readonly params: readonly number[]
  readonly seed: number
}

/** What a row-wise function works on: `length` features that are `inner` apart, group by group. Absent: whole rows. */
export interface PlanAlong {
  readonly length: number
  readonly inner: number
}

/** What a parameter is brought back to after every step. */
export interface PlanConstraint {
  readonly name: 'notNegative' | 'norm'
  /** norm: least, most, and how much of the way into these bounds a step goes. */
  readonly params: readonly number[]
  /** Groups of elements in Keras' order that share a norm. Absent: all do. */
  readonly along?: PlanAlong | undefined
}

/** One parameter of a layer. */
export interface PlanParameter {
  /** Its name in the layer, where that is not the member's. */
  readonly name?: string
  readonly initializer: PlanInitializer
  /** Takes part in weight decay; default true. */
  readonly decays?: boolean
  /** Its penalty. */
  readonly regularizer?: PlanOp | undefined
  readonly constraint?: PlanConstraint | undefined
}

/** Parameters of the channels along an axis; what is absent counts as 1 and 0. */
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

/** y = (x - mean) / sqrt(max(variance, least) + epsilon), or its inverse where `inverts` is 1. */
export type PlanNumbers = readonly [epsilon: number, least: number, inverts: number, momentum: number]

/** One layer, with sizes filled in. */
export type PlanLayer = {
  readonly name: string
  /** False: its parameters stay as they are; default true. */
  readonly trainable?: boolean
} & (
  | {
      readonly kind: 'dense'
      readonly units: number
      /** Features of a position, where a row has several that all go through the same kernel. */
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
  | ({ readonly kind: 'normalization'; readonly numbers: PlanNumbers } & PlanStatistics)
  | ({ readonly kind: 'batchNormalization'; readonly numbers: PlanNumbers } & PlanChannels & PlanStatistics)
  /** A penalty of what comes in, which goes on as it is. */
  | { readonly kind: 'activityPenalty'; readonly regularizer: PlanOp }
  | { readonly kind: 'embedding'; readonly inputs: number; readonly units: number; readonly kernel: PlanParameter }
  /** Rows and columns change places in every block (rows, columns, inner) of features. */
  | { readonly kind: 'transpose'; readonly rows: number; readonly columns: number; readonly inner: number }
  /** A row, so many times. */
  | { readonly kind: 'repeat'; readonly rows: number }
  /** Of `rows` positions a row has, one is made. */
  | { readonly kind: 'pooling'; readonly pooling: PlanOp; readonly rows: number }
  /** Every `rows` integers become `columns` values: whether, or how often, each integer below `columns` is among them. */
  | { readonly kind: 'encoding'; readonly rows: number; readonly columns: number; readonly counts: boolean }
)

/** What the elements of large matrix products are rounded to; sums and all else are float32. */
export type Precision = 'float32' | 'tf32' | 'bfloat16'

/** What crosses to C++ once per model: names and numbers. */
export interface Plan {
  /** Features in one row of input. */
  readonly inputSize: number
  readonly layers: readonly PlanLayer[]
  /** Default `float32`. */
  readonly precision?: Precision
  /** Absent while the model is not compiled: it can predict, not train. */
  readonly training?: {
    readonly loss: PlanOp
    readonly reduction: 'mean' | 'sum' | 'weightedMean'
    readonly metrics: readonly PlanOp[]
    /** Metrics from this one on weigh their rows; default: none. */
    readonly weightedFrom?: number
    /** Of an output, each with targets, weights, a loss and metrics of its own; default 1. */
    readonly positions?: number
    /** Ranges may ask for `captured` and give `gradients`; default false. */
    readonly captures?: boolean
  } & PlanUpdate
}

/** How gradients become new weights: accumulate, clip, decay, optimizer, average, in this order. Numbers are 0 by default, for none. */
export interface PlanUpdate {
  readonly optimizer: PlanOp
  /** Decoupled, times the learning rate. */
  readonly weightDecay: number
  /** Of the three, one at most. */
  readonly clipValue?: number
  readonly clipNorm?: number
  readonly globalClipNorm?: number
  /** Gradients of so many steps are averaged for an update; default 1. */
  readonly accumulationSteps?: number
  /** Keeps an exponential average of the weights; default false. */
  readonly averages?: boolean
  readonly averageMomentum?: number
  /** Updates after which weights become their averages. */
  readonly overwriteFrequency?: number
}
