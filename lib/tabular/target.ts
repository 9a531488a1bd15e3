/** The target of a model of a table: classes, or a number that is standardized. */

import { NeurodeError } from '../base/errors.js'
import { checkDouble, describe, refuse, shorten } from '../checks/validate.js'
import { type JsonObject, list, object } from '../persistence/description.js'
import { compareBytes } from '../preprocessing/hashes/utf8.js'
import type { Column, ColumnType, TextColumn } from '../tables/column.js'
import type { Table } from '../tables/table.js'
import { cellError, columnAs, type Where } from './cells.js'
import { whereIn } from './rows.js'
import { Counts, NumberStatistics } from './statistics.js'
import type { ClassAnswer, NumberAnswer, TableLabel } from './types.js'

/** What is predicted. */
export type Task = 'classification' | 'regression'

const mostClasses = 10_000
/** Whole numbers of at most so many different values are taken for classes. */
const mostWhole = 10

const logarithm = (value: number) => Math.sign(value) * Math.log1p(Math.abs(value))
const exponential = (value: number) => Math.sign(value) * Math.expm1(Math.abs(value))

/** A number that is learned with mean 0 and variance 1. */
export class NumberTarget {
  readonly task = 'regression'
  readonly name: string
  readonly log: boolean
  readonly mean: number
  readonly deviation: number
  readonly classes = undefined

  constructor(name: string, log: boolean, mean: number, deviation: number) {
    this.name = name
    this.log = log
    this.mean = mean
    this.deviation = deviation
  }

  /** Targets for the network; NaN for a gap. */
  encode(column: Column, where: Where): Float32Array {
    const { values } = columnAs(column, 'number', where) as { readonly values: Float64Array }
    const { log, mean, deviation } = this
    const encoded = new Float32Array(values.length)
    for (let row = 0; row < values.length; row++) {
      const value = values[row] as number
      encoded[row] = ((log ? logarithm(value) : value) - mean) / deviation
    }
    return encoded
  }

  /** A number of the network in the target's own unit. */
  value(output: number): number {
    const value = output * this.deviation + this.mean
    return this.log ? exponential(value) : value
  }

  answers(outputs: Float32Array): NumberAnswer[] {
    return Array.from(outputs, (output) => Object.fromEntries([[this.name, this.value(output)]]))
  }

  describe(): JsonObject {
    const { task, log, mean, deviation } = this
    return { task, log, mean, deviation }
  }
}

/** Classes, by their places in the network's outputs. */
export class ClassTarget {
  readonly task = 'classification'
  readonly name: string
  readonly type: ColumnType
  readonly classes: readonly TableLabel[]
  /** The rows of each class that it learned from. */
  readonly counts: readonly number[]
  readonly #places: ReadonlyMap<TableLabel, number>

  constructor(name: string, classes: readonly TableLabel[], counts: readonly number[]) {
    this.name = name
    this.classes = Object.freeze([...classes])
    this.counts = counts
    this.#places = new Map(classes.map((label, i) => [label, i]))
    const kind = typeof classes[0]
    this.type = kind === 'string' ? 'text' : (kind as 'number' | 'boolean')
  }

  /** Class indices for the network; NaN for a gap. Throws `ERR_LABEL_RANGE` for a class that is not known. */
  encode(given: Column, where: Where): Float32Array {
    const column = columnAs(given, this.type, where)
    const unknown = (row: number, label: TableLabel) => {
      const known = this.classes.slice(0, 10).map(String).join(', ')
      const text = `column '${shorten(this.name)}'${where(row)}: expected a class of the model (${known}), got ${describe(label)}`
      return new NeurodeError('ERR_LABEL_RANGE', text)
    }
    if (column.type === 'text') {
      const places = column.words.map((word) => this.#places.get(word))
      return Float32Array.from(column.codes, (code, row) => {
        const place = code < 0 ? Number.NaN : places[code]
        if (place === undefined) throw unknown(row, column.words[code] as string)
        return place
      })
    }
    return Float32Array.from(column.values, (value, row) => {
      if (Number.isNaN(value)) return value
      const place = this.#places.get(this.type === 'boolean' ? value !== 0 : value)
      if (place === undefined) throw unknown(row, value)
      return place
    })
  }

  answers(outputs: Float32Array): ClassAnswer[] {
    const { classes } = this
    const answers: ClassAnswer[] = []
    for (let begin = 0; begin < outputs.length; begin += classes.length) {
      let best = 0
      const probabilities = classes.map((label, i): [string, number] => {
        if ((outputs[begin + i] as number) > (outputs[begin + best] as number)) best = i
        return [String(label), outputs[begin + i] as number]
      })
      answers.push({ label: classes[best] as TableLabel, probabilities: Object.fromEntries(probabilities) })
    }
    return answers
  }

  describe(): JsonObject {
    return { task: this.task, classes: this.classes, counts: this.counts }
  }
}

export type Target = NumberTarget | ClassTarget

/** The target that {@link NumberTarget.describe} or {@link ClassTarget.describe} described. */
export function targetFrom(name: string, value: JsonObject): Target {
  if (value.task === 'regression') {
    const deviation = checkDouble(value.deviation, 'deviation', Number.MIN_VALUE)
    return new NumberTarget(name, value.log === true, checkDouble(value.mean, 'mean'), deviation)
  }
  if (value.task !== 'classification') return refuse('task', "'classification' or 'regression'", value.task)
  const classes = list(value.classes, 'classes') as readonly TableLabel[]
  const kind = typeof classes[0]
  const areSame = ['string', 'number', 'boolean'].includes(kind) && classes.every((label) => typeof label === kind)
  if (!areSame || new Set(classes).size < classes.length || classes.length < 2) {
    refuse('classes', 'at least two different labels of one type', value.classes)
  }
  const counts = list(value.counts, 'counts').map((count) => checkDouble(count, 'counts', 0))
  if (counts.length !== classes.length) refuse('counts', `${classes.length} numbers`, counts)
  return new ClassTarget(name, classes, counts)
}

/** What is asked of the target, as far as the user says it. */
export interface TargetOptions {
  readonly target: string
  readonly task: Task | undefined
  readonly logTarget: boolean | undefined
}

/** Whether numbers are all above 0 and a few are far above the others, as prices and incomes are. */
function isSkewed({ min, max, median }: NumberStatistics): boolean {
  return min > 0 && max > 5 * median
}

/** The target of a table. */
export function learnTarget(table: Table, options: TargetOptions): Target {
  const learner = new TargetLearner(options)
  learner.learn(table.column(options.target), whereIn(table))
  return learner.end()
}

/** Learns the target from a column in parts. */
export class TargetLearner {
  readonly #options: TargetOptions
  readonly #numbers = new NumberStatistics()
  readonly #logarithms = new NumberStatistics()
  readonly #counts = new Counts<TableLabel & (string | number)>()
  #type: ColumnType | undefined
  #isWhole = true
  #distinct = new Set<string | number>()

  constructor(options: TargetOptions) {
    this.#options = options
  }

  learn(given: Column, where: Where): void {
    const { target: name, task } = this.#options
    this.#type ??= given.type
    const column = columnAs(given, this.#type, where)
    if (column.type === 'text') {
      if (task === 'regression') columnAs(column, 'number', where)
      this.#learnTexts(column)
      return
    }
    if (column.type === 'date') throw cellError(name, '', 'a target of numbers, texts or booleans', 'dates')
    if (task !== 'classification') {
      this.#numbers.add(column.values)
      this.#logarithms.add(column.values, logarithm)
    }
    for (const value of column.values) {
      if (Number.isNaN(value)) continue
      this.#isWhole &&= Number.isInteger(value)
      if (this.#distinct.size > mostClasses) continue
      this.#distinct.add(value)
      this.#counts.add(value)
    }
  }

  #learnTexts({ codes, words }: TextColumn): void {
    const counts = new Float64Array(words.length)
    for (const code of codes) if (code >= 0) counts[code] = (counts[code] as number) + 1
    counts.forEach((count, i) => {
      if (count === 0) return
      this.#counts.add(words[i] as string, count)
      this.#distinct.add(words[i] as string)
    })
  }

  /** Throws `ERR_ARGUMENT` if there is nothing to learn. */
  end(): Target {
    const { target: name, logTarget: log } = this.#options
    const task = this.#options.task ?? this.#guess()
    const subject = `column '${shorten(name)}'`
    if (this.#distinct.size === 0) refuse(subject, 'rows with a target', 'none')
    if (this.#distinct.size === 1) {
      const [only] = this.#distinct
      throw new NeurodeError(
        'ERR_ARGUMENT',
        `${subject}: there is nothing to learn, as all rows have the target ${describe(only)}`,
      )
    }
    if (task === 'regression') {
      const isLog = log ?? isSkewed(this.#numbers)
      const { mean, variance } = isLog ? this.#logarithms : this.#numbers
      return new NumberTarget(name, isLog, mean, Math.sqrt(variance))
    }
    if (this.#distinct.size > mostClasses) refuse(subject, `at most ${mostClasses} classes`, 'more')
    if (log) refuse('logTarget', 'false for classes', true)
    if (this.#type === 'number' && !this.#isWhole) refuse(subject, 'whole numbers as classes', 'others')
    const entries = this.#counts.entries.sort(([a], [b]) => {
      return typeof a === 'string' ? compareBytes(a, b as string) : a - (b as number)
    })
    const labels = entries.map(([label]) => (this.#type === 'boolean' ? label !== 0 : label))
    return new ClassTarget(
      name,
      labels,
      entries.map(([, count]) => count),
    )
  }

  #guess(): Task {
    if (this.#type !== 'number') return 'classification'
    return this.#isWhole && this.#distinct.size <= mostWhole && !this.#options.logTarget
      ? 'classification'
      : 'regression'
  }
}

/** The description of a target in a file. */
export function describedTarget(name: string, value: unknown): Target {
  return targetFrom(name, object(value as JsonObject, 'target'))
}
