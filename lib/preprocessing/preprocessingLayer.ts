/** The base class of layers that compute on data before training. */

import { defaultName } from '../base/names.js'
import { answerForeignNames } from '../checks/answering.js'
import { guardArity } from '../checks/arity.js'
import { checkName } from '../checks/validate.js'

/** Options of all preprocessing layers. */
export interface PreprocessingOptions {
  /** Name of the layer, for messages; default: its kind in snake_case. */
  readonly name?: string | undefined
}

/** Whether a value is a preprocessing layer. */
export let isPreprocessing: (value: unknown) => value is PreprocessingLayer

/**
 * A layer that turns texts and categories into numbers, before a model gets them: `layer.call(x)` computes at once. It is no layer of a
 * model, which computes on numbers alone.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 *
 * const lookup = layers.stringLookup({ outputMode: 'oneHot' })
 * await lookup.adapt(['red', 'green', 'red'])
 * const model = sequential([layers.dense({ units: 1, inputShape: [lookup.vocabularySize] })])
 * const prediction = await model.predict(lookup.call(['green', 'blue']))
 * ```
 */
export abstract class PreprocessingLayer {
  /** The name of the class: `StringLookup`. */
  abstract readonly kind: string
  readonly #name: string | undefined

  static {
    isPreprocessing = (value): value is PreprocessingLayer =>
      typeof value === 'object' && value !== null && #name in value
  }

  constructor(options: PreprocessingOptions, argument: string) {
    this.#name = options.name === undefined ? undefined : checkName(options.name, `${argument}: name`)
  }

  /** The name that was given, or the kind in snake_case. */
  get name(): string {
    return this.#name ?? defaultName(this.kind)
  }

  /**
   * The options, and what was learned from data, as JSON can hold them: the factory makes the same layer of it. The name is not among
   * them.
   */
  abstract config(): Readonly<Record<string, unknown>>
}

answerForeignNames(PreprocessingLayer.prototype, 'preprocessing', 'layer')
guardArity(PreprocessingLayer.prototype, 'layer')
