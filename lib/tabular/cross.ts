/** Features that combine the codes of others. */

import { NeurodeError } from '../base/errors.js'
import { refuse, shorten, suggest } from '../checks/validate.js'
import { crossed } from '../preprocessing/hashes/farmHash.js'
import { Int64 } from '../preprocessing/hashes/int64.js'
import type { Column } from '../tables/column.js'
import type { CodeSource, Encoder } from './encoder.js'
import type { FeatureCross } from './feature.js'

/** A cross: the hash of the codes of its features. A gap counts as the code after all others. */
export class Cross implements CodeSource {
  readonly name: string
  readonly outputMode: 'oneHot' | 'int'
  readonly codes: number
  readonly unseen = []
  readonly missing = 0
  readonly #parts: readonly Encoder[]

  constructor({ features, bins, outputMode }: FeatureCross, encoders: readonly Encoder[], defaultBins: number) {
    this.name = features.join('_X_')
    this.codes = bins ?? defaultBins
    this.outputMode = outputMode
    const names = encoders.map(({ name }) => name)
    this.#parts = features.map((name) => {
      const found = encoders[names.indexOf(name)]
      if (found === undefined) {
        const text = `crosses: there is no feature '${shorten(name)}'${suggest(name, names)}`
        throw new NeurodeError('ERR_UNKNOWN_NAME', text)
      }
      return found.scalings.length === 0
        ? found
        : refuse('crosses', `features with codes, as '${shorten(name)}' has none`, name)
    })
  }

  codesFrom(columns: ReadonlyMap<string, Column>, tellsGaps: boolean): Int32Array {
    const parts = this.#parts.map((part) => ({ codes: part.codesFrom(columns, tellsGaps), gap: part.codes }))
    const known = new Map<number, Int64>()
    const printOf = (code: number) => {
      const print = known.get(code) ?? Int64.of(code)
      known.set(code, print)
      return print
    }
    return (parts[0] as (typeof parts)[number]).codes.map((_, row) => {
      const prints = parts.map(({ codes, gap }) => {
        const code = codes[row] as number
        return printOf(code < 0 ? gap : code)
      })
      return crossed(prints).modulo(this.codes)
    })
  }
}
