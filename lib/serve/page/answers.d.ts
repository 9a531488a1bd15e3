/** Parts of the server's answers that the page reads: the configuration and the statistics of a model. */

interface Config {
  readonly name: string
  readonly device: string
  readonly version: string
  readonly max_batch_size: number
  readonly input: Tensors
  readonly output: Tensors
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
