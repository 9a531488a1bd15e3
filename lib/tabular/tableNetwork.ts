/** The model behind {@link TabularModel}: columns, network and target. */

import { NeurodeError } from '../base/errors.js'
import { deriveSeed } from '../base/seeds.js'
import { warn } from '../base/warnings.js'
import { callbacks } from '../callbacks/index.js'
import { guardArity } from '../checks/arity.js'
import { checkName, checkNumber, checkOptions, isPlain, refuse, refuseIdle } from '../checks/validate.js'
import { coreOf } from '../core/cores.js'
import type { FitOptions, FitResult } from '../fit/fitOptions.js'
import type { Functional } from '../models/functional.js'
import type { ModelSummary, SummaryOptions } from '../models/summary.js'
import { saveModel } from '../persistence/modelFile.js'
import type { Column, TableRecord } from '../tables/column.js'
import { isTableSource } from '../tables/openTable.js'
import type { Table } from '../tables/table.js'
import { describeTabular } from './description.js'
import { adoptSet, type FeatureSpace, keptOf, setOf } from './featureSpace.js'
import {
  batchesOf,
  batchSizeFor,
  checkEarlyStopping,
  classWeightsOf,
  type Encoding,
  encodeRows,
  recordsWithTargets,
  shareFor,
  splitForValidation,
  targetsOf,
  validationOf,
  withTargets,
} from './fitting.js'
import { columnsOf } from './formColumns.js'
import { guessFor, type LeftOut } from './guess.js'
import { Layout } from './layout.js'
import { makeNetwork } from './network.js'
import { joined, reportOf } from './report.js'
import { isTable, type ReadRows, readRows, recordRows, refuseOnce, tableRows, tablesOf, whereIn } from './rows.js'
import { type Learned, type TabularSettings, tableOptimizer } from './settings.js'
import { learnTarget, type Target, TargetLearner, type Task } from './target.js'
import type {
  TableLabel,
  TableStream,
  TabularAnswer,
  TabularColumn,
  TabularFitOptions,
  TabularModel,
  TabularReport,
} from './types.js'

const ownNames = ['validationData', 'validationSplit', 'earlyStopping', 'classWeight', 'sampleWeight']
const passedNames = [
  'batchSize',
  'epochs',
  'resume',
  'shuffle',
  'seed',
  'validationBatchSize',
  'validationFreq',
  'verbose',
  'stream',
  'callbacks',
  'onProgress',
  'signal',
] as const

const defaultEpochs = 200

type Early = ReturnType<typeof checkEarlyStopping>

export class TableNetwork implements TabularModel {
  readonly kind = 'tabular'
  readonly #settings: TabularSettings
  #learned: Learned | undefined
  #busy = false
  #disposed = false

  constructor(settings: TabularSettings, learned?: Learned) {
    this.#settings = settings
    if (learned !== undefined) this.#adopt(learned)
  }

  get target(): string {
    return this.#settings.target
  }

  get features(): FeatureSpace {
    return this.#learned?.features ?? this.#settings.features ?? this.#known().features
  }

  get task(): Task {
    return this.#learned?.target.task ?? this.#settings.task ?? this.#known().target.task
  }

  get classes(): readonly TableLabel[] | undefined {
    return this.#known().target.classes
  }

  get network(): Functional {
    return this.#known().network
  }

  get leftOut(): readonly LeftOut[] {
    return this.#known().leftOut
  }

  get columns(): readonly TabularColumn[] {
    return columnsOf(this.features)
  }

  async fit(data: Table | TableStream, given?: TabularFitOptions): Promise<FitResult> {
    this.#checkAlive()
    const options = checkOptions(given, [...ownNames, ...passedNames], 'fit')
    const early = checkEarlyStopping(options.earlyStopping ?? options.epochs === undefined)
    const weights = options.sampleWeight === undefined ? undefined : checkName(options.sampleWeight, 'sampleWeight')
    refuseOnce(data, 'fit')
    const space = this.#learned?.features ?? this.#settings.features
    if (
      weights !== undefined &&
      (weights === this.target || (space !== undefined && Object.hasOwn(space.features, weights)))
    ) {
      refuse('sampleWeight', 'a column that is neither a feature nor the target', weights)
    }
    if (this.#busy) throw new NeurodeError('ERR_MODEL_BUSY', 'the model is training already')
    this.#busy = true
    try {
      return isTable(data)
        ? await this.#fitTable(data, options, early, weights)
        : await this.#fitStream(tablesOf(data, 'fit'), options, early, weights)
    } finally {
      this.#busy = false
    }
  }

  async #fitTable(data: Table, options: TabularFitOptions, early: Early, weights: string | undefined) {
    let train = withTargets(data, this.target)
    if (train.rows === 0) refuse('fit', 'a table with rows that have a target', train)
    const target = this.#learned?.target ?? learnTarget(train, this.#settings)
    const { validationData } = options
    const share =
      options.validationSplit ?? (early !== undefined && validationData === undefined ? shareFor(train.rows) : 0)
    let validation: Table | undefined
    if (checkNumber(share, 'validationSplit', 0, 1) > 0) {
      const parts = splitForValidation(train, target, share, this.#settings.seed)
      train = parts[0]
      validation = parts[1]
    }
    const learned = await this.#learn([train], target, weights)
    const encoding = { set: setOf(learned.features), layout: learned.layout, target, weights }
    const { x, y, sampleWeight, rows } = encodeRows(tableRows(train), encoding, 'fit')
    const passed = this.#fitOptions(options, early, encoding, validation, rows)
    return await learned.network.fit(x as never, targetsOf(y, target), { ...passed, sampleWeight } as never)
  }

  async #fitStream(data: AsyncIterable<Table>, options: TabularFitOptions, early: Early, weights: string | undefined) {
    refuseIdle(options, ['validationSplit'], 'fit', 'with a stream: give validationData')
    const validates = options.validationData !== undefined
    if (!validates && options.earlyStopping) refuse('earlyStopping', 'validationData beside it', options.earlyStopping)
    const { features, layout, network, target, rows } = await this.#learn(data, this.#learned?.target, weights)
    const encoding = { set: setOf(features), layout, target, weights }
    const passed = this.#fitOptions(options, validates ? early : undefined, encoding, undefined, rows)
    const { batchSize = 0, shuffle, seed, ...others } = passed
    const own = shuffle === false ? undefined : (seed ?? this.#settings.seed)
    const batches = () => {
      const epochSeed = own === undefined ? undefined : deriveSeed(own, coreOf(network).epochsBegun, 'rows')
      return batchesOf(data, encoding, { batchSize, seed: epochSeed })
    }
    return await network.fit(batches as never, others as never)
  }

  #fitOptions(
    options: TabularFitOptions,
    early: Early,
    encoding: Encoding,
    split: Table | undefined,
    rows: number,
  ): FitOptions {
    const passed = Object.fromEntries(passedNames.map((name) => [name, options[name]]))
    const { validationData } = options
    const own = validationData ?? split
    const validation = own === undefined ? undefined : validationOf(own, encoding)
    const given = options.callbacks === undefined ? [] : [options.callbacks].flat()
    const monitor = validation === undefined ? 'loss' : 'val_loss'
    const stopping =
      early === undefined ? [] : [callbacks.earlyStopping({ monitor, restoreBestWeights: true, ...early })]
    return {
      ...passed,
      batchSize: options.batchSize ?? batchSizeFor(rows),
      epochs: options.epochs ?? defaultEpochs,
      callbacks: [...given, ...stopping],
      validationData: validation,
      classWeight: classWeightsOf(options.classWeight, encoding.target),
    } as FitOptions
  }

  /** Learns columns and target, and makes the network, unless that is done. */
  async #learn(tables: Iterable<Table> | AsyncIterable<Table>, known: Target | undefined, weights: string | undefined) {
    if (this.#learned !== undefined) return this.#learned
    const { target: name, features: given } = this.#settings
    const { features: space, leftOut } =
      given === undefined ? await guessFor(tables, name, weights) : { features: given, leftOut: [] }
    const learner = known === undefined ? new TargetLearner(this.#settings) : undefined
    const adapts = !setOf(space).adapted
    const set = adapts ? setOf(space).begun() : setOf(space)
    let rows = 0
    // Features that know all they need leave the target to be learned: the cells of other columns need not be read.
    const isNarrow = !adapts && isTableSource(tables)
    if (isNarrow) set.ignore({ names: tables.columns.map((column) => column.name) })
    for await (const part of isNarrow ? tables.select([name]) : tables) {
      const table = withTargets(part, name)
      rows += table.rows
      if (adapts) set.learn(tableRows(table), 'fit')
      else set.ignore(tableRows(table))
      learner?.learn(table.column(name), whereIn(table))
    }
    const target = known ?? (learner as TargetLearner).end()
    if (adapts) set.end()
    adoptSet(space, set)
    const features = keptOf(space)
    if (target.task === 'classification' && target.classes.length > rows / 2) {
      warn(
        'NEURODE_FEW_ROWS',
        `column '${name}' has ${target.classes.length} classes in ${rows} rows: too few to learn from`,
      )
    }
    const layout = new Layout(features, this.#settings)
    const network = makeNetwork(layout, { ...this.#settings, classes: target.classes?.length })
    const { optimizer = tableOptimizer(), device, threads, distribution } = this.#settings
    const isClasses = target.task === 'classification'
    const loss = isClasses ? 'sparseCategoricalCrossentropy' : 'mse'
    network.compile({ optimizer, loss, metrics: isClasses ? ['accuracy'] : [], device, threads, distribution } as never)
    return this.#adopt({ features, target, layout, network, leftOut, rows })
  }

  #adopt(learned: Learned): Learned {
    this.#learned = learned
    coreOf(learned.network).beside = { tabular: describeTabular(this.#settings, learned) }
    return learned
  }

  predict(record: TableRecord): Promise<TabularAnswer>
  predict(rows: readonly TableRecord[] | Table): Promise<TabularAnswer[]>
  async predict(given: TableRecord | readonly TableRecord[] | Table): Promise<TabularAnswer | TabularAnswer[]> {
    const { target } = this.#known()
    const isOne = isPlain(given) && !isTable(given)
    if (!isOne && !isTable(given) && !Array.isArray(given))
      refuse('predict', 'a record, a list of records or a table', given)
    const rows = readRows(isOne ? [given] : given, 'predict')
    const answers = target.answers(await this.#outputs(rows, 'predict'))
    return isOne ? (answers[0] as TabularAnswer) : answers
  }

  /** The outputs of the network for rows. */
  async #outputs(rows: ReadRows, argument: string): Promise<Float32Array> {
    const { features, layout, network } = this.#known()
    const columns: ReadonlyMap<string, Column> = setOf(features).read(rows, argument, [this.target])
    if (rows.rows === 0) return new Float32Array()
    const { data } = await network.predict(layout.encode(columns, rows.rows) as never)
    return data as Float32Array
  }

  async evaluate(data: Table | TableStream | readonly TableRecord[]): Promise<TabularReport> {
    const { target, features, layout, network } = this.#known()
    const encoding = { set: setOf(features), layout, target, weights: undefined }
    const truths: Float32Array[] = []
    const outputs: Float32Array[] = []
    const isRecords = Array.isArray(data) && !data.every(isTable)
    for await (const part of isRecords ? [data as readonly TableRecord[]] : tablesOf(data, 'evaluate')) {
      const rows = isTable(part)
        ? tableRows(withTargets(part, this.target))
        : recordRows(recordsWithTargets(part, this.target), 'evaluate')
      if (rows.rows === 0) continue
      const { x, y } = encodeRows(rows, encoding, 'evaluate')
      truths.push(y)
      outputs.push((await network.predict(x as never)).data as Float32Array)
    }
    if (truths.length === 0) refuse('evaluate', 'rows that have a target', undefined)
    return reportOf(target, joined(truths), joined(outputs))
  }

  summary(given?: SummaryOptions): ModelSummary {
    const { print = true } = checkOptions(given, ['print'], 'summary')
    const { network, target } = this.#known()
    const own = network.summary({ print: false })
    const lines = this.columns.map(
      ({ name, type, kind }) => `  ${name}: ${type === kind ? kind : `${type} as ${kind}`}`,
    )
    const number = target.task === 'regression' && target.log ? 'a number, whose logarithm is learned' : 'a number'
    const what = target.classes === undefined ? number : `one of ${target.classes.length} classes`
    const text = [`Columns:`, ...lines, `Target: ${this.target}, ${what}`, own.text].join('\n')
    if (print === true) console.log(text)
    else if (typeof print === 'function') print(text)
    else if (print !== false) refuse('print', 'true, false or a function', print)
    return { ...own, text }
  }

  async save(path: string | URL): Promise<void> {
    const { network } = this.#known()
    await saveModel(coreOf(network), path)
  }

  dispose(): void {
    this.#disposed = true
    this.#learned?.network.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #checkAlive(): void {
    if (this.#disposed) throw new NeurodeError('ERR_DISPOSED', 'the model was disposed')
  }

  #known(): Learned {
    this.#checkAlive()
    if (this.#learned !== undefined) return this.#learned
    throw new NeurodeError('ERR_NOT_BUILT', 'the model has seen no rows yet: call fit first')
  }
}

guardArity(TableNetwork.prototype, 'tabular', ['fit', 'predict', 'evaluate', 'save'])
