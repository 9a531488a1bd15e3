/** Features that are numbers: of numbers, of booleans, and of dates. */

import { checkDouble, checkInteger, describe, refuse } from '../checks/validate.js'
import { type JsonObject, list } from '../persistence/description.js'
import type { Column, ColumnType, NumberColumn } from '../tables/column.js'
import { cellError } from './cells.js'
import { Encoder, type FormFacts, type NumberRows, type Scaling } from './encoder.js'
import type { Feature } from './feature.js'
import { NumberStatistics } from './statistics.js'

/** What is known of the numbers of a column. */
interface Facts {
  readonly min: number
  readonly max: number
  readonly median: number
}

/** Numbers beyond this size, as close together, or whose mean is so many deviations from 0, would lose digits as float32. */
const [farthest, closest, mostDeviations] = [1e15, 1e-6, 2 ** 12]

const unscaled: Scaling = { mean: 0, variance: 1 }

abstract class Measured extends Encoder {
  protected facts_: Facts | undefined
  #learning: NumberStatistics[] = []

  protected abstract readonly parts: readonly ((value: number) => number)[]

  override get facts(): FormFacts {
    return this.facts_ ?? {}
  }

  readonly codes = 0

  override begin(): void {
    super.begin()
    this.#learning = this.parts.map(() => new NumberStatistics())
  }

  override learn(column: Column): void {
    super.learn(column)
    const { values } = column as NumberColumn
    this.parts.forEach((of, i) => {
      this.#learning[i]?.add(values, of === asIs ? undefined : of)
    })
  }

  override end(): void {
    const [first] = this.#learning
    const known = first !== undefined && first.count > 0
    this.facts_ = known ? { min: first.min, max: first.max, median: first.median } : undefined
    this.ended(this.#learning)
    this.#learning = []
  }

  protected abstract ended(learned: readonly NumberStatistics[]): void

  protected factsState(): JsonObject {
    return { missing: this.missing, ...this.facts_ }
  }

  protected restoreFacts(state: JsonObject): void {
    this.missing = checkInteger(state.missing, 'missing', 0)
    if (state.min === undefined) return
    const [min, max, median] = ['min', 'max', 'median'].map((name) => checkDouble(state[name], name)) as [
      number,
      number,
      number,
    ]
    this.facts_ =
      min <= median && median <= max ? { min, max, median } : refuse('median', 'it between min and max', median)
  }
}

const asIs = (value: number) => value
const logarithm = (value: number) => Math.sign(value) * Math.log1p(Math.abs(value))

/** A number, or true and false as 1 and 0. */
export class NumberEncoder extends Measured {
  readonly type: ColumnType
  readonly #of: (value: number) => number
  readonly #learns: boolean
  /** Numbers that float32 holds badly are moved and scaled before they become inputs. */
  #offset = 0
  #factor = 1
  #scaling: Scaling | undefined

  constructor(name: string, feature: Feature) {
    super(name, feature)
    const { name: kind, options } = feature
    this.type = kind === 'boolean' ? 'boolean' : 'number'
    this.#of = options.log === true ? logarithm : asIs
    this.#learns = kind === 'number' || kind === 'floatNormalized' || kind === 'boolean'
    if (kind === 'floatRescaled') {
      const [scale, offset] = [options.scale as number, options.offset as number]
      this.#of = (value) => value * scale + offset
    }
    if (!this.#learns) this.#scaling = unscaled
  }

  protected get parts() {
    return [this.#of]
  }

  get adapted(): boolean {
    return this.#scaling !== undefined
  }

  override get scalings(): readonly Scaling[] {
    return [this.#scaling ?? unscaled]
  }

  protected ended([learned]: readonly NumberStatistics[]): void {
    if (!this.#learns || learned === undefined) return
    const { mean, variance, count } = learned
    const deviation = Math.sqrt(variance)
    const isClose = deviation > 0 && deviation < closest
    const isFar = isClose || Math.abs(mean) + deviation > farthest || Math.abs(mean) > mostDeviations * deviation
    this.#offset = isFar && count > 0 ? mean : 0
    this.#factor = isFar && deviation > 0 ? 1 / deviation : 1
    this.#scaling = { mean: mean - this.#offset, variance: variance * this.#factor ** 2 }
    if (count === 0) this.#scaling = unscaled
  }

  /** Mean and variance of the numbers, or of their logarithms. */
  get moments(): Scaling | undefined {
    const { mean, variance } = this.#scaling ?? unscaled
    return this.#learns ? { mean: mean + this.#offset, variance: variance / this.#factor ** 2 } : undefined
  }

  override writeNumbers(column: Column, begin: number, { data, stride, fills }: NumberRows): void {
    const { values } = column as NumberColumn
    const [of, offset, factor] = [this.#of, this.#offset, this.#factor]
    const middle = fills ? (this.facts_?.median ?? 0) : Number.NaN
    const isPlain = of === asIs && offset === 0 && factor === 1
    for (let row = 0, to = begin; row < values.length; row++, to += stride) {
      const cell = values[row] as number
      const value = Number.isNaN(cell) ? middle : cell
      data[to] = isPlain ? value : (of(value) - offset) * factor
      if (Math.abs(data[to] as number) !== Number.POSITIVE_INFINITY) continue
      throw cellError(this.name, '', 'a number that float32 holds, up to 3.4e38', describe(cell))
    }
  }

  state(): JsonObject {
    const { mean, variance } = this.#scaling ?? unscaled
    return { ...this.factsState(), offset: this.#offset, factor: this.#factor, mean, variance }
  }

  restore(state: JsonObject): void {
    this.restoreFacts(state)
    this.#offset = checkDouble(state.offset, 'offset')
    this.#factor = checkDouble(state.factor, 'factor', Number.MIN_VALUE)
    this.#scaling = { mean: checkDouble(state.mean, 'mean'), variance: checkDouble(state.variance, 'variance', 0) }
  }
}

const day = 86_400_000

/** Days since 1970, the month from 0, the weekday from 0 for Sunday, and the hour of the day. */
const dateParts: readonly ((time: number) => number)[] = [
  (time) => time / day,
  (time) => new Date(time).getUTCMonth(),
  (time) => (((Math.floor(time / day) + 4) % 7) + 7) % 7,
  (time) => (((time % day) + day) % day) / 3_600_000,
]

/** A date: its day, month and weekday, and the hour if dates have one. */
export class DateEncoder extends Measured {
  readonly type = 'date'
  readonly parts = dateParts
  #scalings: readonly Scaling[] | undefined

  get adapted(): boolean {
    return this.#scalings !== undefined
  }

  override get scalings(): readonly Scaling[] {
    return this.#scalings ?? this.parts.map(() => unscaled)
  }

  protected ended(learned: readonly NumberStatistics[]): void {
    const hours = learned[3] as NumberStatistics
    const used = hours.variance > 0 ? learned : learned.slice(0, 3)
    // Days become inputs as they are, so that a year's worth of digits is left to float32.
    this.#scalings = used.map(({ mean, variance, count }) => (count === 0 ? unscaled : { mean, variance }))
  }

  override writeNumbers(column: Column, begin: number, { data, stride, fills }: NumberRows): void {
    const { values } = column as NumberColumn
    const middle = fills ? (this.facts_?.median ?? 0) : Number.NaN
    for (let i = 0; i < this.scalings.length; i++) {
      const of = this.parts[i] as (time: number) => number
      for (let row = 0, to = begin + i; row < values.length; row++, to += stride) {
        const cell = values[row] as number
        data[to] = of(Number.isNaN(cell) ? middle : cell)
      }
    }
  }

  state(): JsonObject {
    return { ...this.factsState(), parts: this.scalings.map(({ mean, variance }) => [mean, variance]) }
  }

  restore(state: JsonObject): void {
    this.restoreFacts(state)
    const parts = list(state.parts, 'parts').map((part) => {
      const [mean, variance] = list(part, 'parts')
      return { mean: checkDouble(mean, 'mean'), variance: checkDouble(variance, 'variance', 0) }
    })
    if (parts.length < 3 || parts.length > 4) refuse('parts', 'three or four', parts.length)
    this.#scalings = parts
  }
}
