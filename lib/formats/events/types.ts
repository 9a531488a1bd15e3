/** What event files hold, as {@link readEvents} gives it. */

/** What every event says beside its content. */
export interface EventPlace {
  /** The name of the series, such as `epoch_loss`. */
  readonly tag: string
  readonly step: number
  /** When it was written, in seconds since 1970. */
  readonly wallTime: number
}

/** A number. */
export interface ScalarEvent extends EventPlace {
  readonly value: number
}

/** How many values lie between two limits. */
export interface HistogramBucket {
  readonly left: number
  readonly right: number
  readonly count: number
}

/** A histogram; without values it has no buckets. */
export interface HistogramEvent extends EventPlace {
  readonly buckets: readonly HistogramBucket[]
}

/** Pictures of one size. */
export interface ImageEvent extends EventPlace {
  readonly width: number
  readonly height: number
  /** The bytes of each picture's file, mostly PNG. */
  readonly images: readonly Uint8Array[]
}

/** Texts; of the plugin `graph_keras_model` they are the config of a Keras model as JSON. */
export interface TextEvent extends EventPlace {
  /** The part of TensorBoard that shows them, such as `text`; empty where the file names none. */
  readonly plugin: string
  readonly texts: readonly string[]
}

/** Anything else: audio, graphs of TensorFlow, curves. */
export interface OtherEvent extends EventPlace {
  /** The part of TensorBoard that shows it; empty where the file names none. */
  readonly plugin: string
}

/** A hyper-parameter. */
export type HyperParameter = number | string | boolean

/** The content of event files, each list in the order of the files. */
export interface Events {
  readonly scalars: readonly ScalarEvent[]
  readonly histograms: readonly HistogramEvent[]
  readonly images: readonly ImageEvent[]
  readonly texts: readonly TextEvent[]
  /** Events that are named and not read. */
  readonly others: readonly OtherEvent[]
  /** Those of the session that began last. */
  readonly hparams: ReadonlyMap<string, HyperParameter>
  /** False where a file ends within a record: it is still being written, or its writer was killed. All records before are read. */
  readonly complete: boolean
}
