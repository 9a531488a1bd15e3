/** Parts of the server's answers that the page reads: the configuration and the statistics of a model. */

interface Config {
  readonly name: string
  readonly device: string
  readonly version: string
  readonly max_batch_size: number
  readonly input: Tensors
  readonly output: Tensors
  /** The columns of a model of a table. */
  readonly table?: TableConfig
  readonly summary: {
    readonly total_parameters: number
    readonly layers: readonly {
      readonly name: string
      readonly kind: string
      readonly output_shape: readonly number[]
      readonly parameters: number
    }[]
  }
}

interface Tensor {
  readonly name: string
  readonly dims: readonly number[]
}

type Tensors = readonly [Tensor, ...Tensor[]]

interface Stats {
  readonly inference_count: number
  readonly execution_count: number
  readonly inference_stats: { readonly success: { readonly count: number; readonly ns: number } }
  readonly batch_stats: readonly { readonly batch_size: number; readonly compute_infer: { readonly count: number } }[]
}

interface TableConfig {
  readonly task: 'classification' | 'regression'
  readonly target: string
  readonly classes?: readonly (string | number | boolean)[]
  readonly columns: readonly ColumnConfig[]
}

interface ColumnConfig {
  readonly name: string
  readonly type: 'number' | 'text' | 'boolean' | 'date'
  readonly kind: string
  /** The most frequent words. */
  readonly words?: readonly string[]
  /** Of numbers, and of dates in milliseconds. */
  readonly min?: number
  readonly max?: number
  readonly median?: number
}

/** The answer of a model of a table: a class, or a number by the target's name. */
interface ClassPrediction {
  readonly label: string | number | boolean
  readonly probabilities: Readonly<Record<string, number>>
}
type NumberPrediction = Readonly<Record<string, number>>
