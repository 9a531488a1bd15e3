/** `neurode train data.csv --target price`: guesses what the columns are, trains a model of them, and shows how good it is. */

import { NeurodeError } from '../../base/errors.js'
import { suggest } from '../../checks/validate.js'
import { permutationImportance } from '../../importance/permutation.js'
import type { ReadTableOptions } from '../../tables/readTable.js'
import { printable, type Table } from '../../tables/table.js'
import type { LeftOut } from '../../tabular/guess.js'
import { tableOptimizer } from '../../tabular/settings.js'
import type { TableNetwork } from '../../tabular/tableNetwork.js'
import { tabular } from '../../tabular/tabular.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Logs } from '../../training/context.js'
import { Stoppable, startAgain } from '../backup.js'
import { epochEvent, TrainingEvents } from '../events.js'
import type { Job } from '../job.js'
import {
  integerOption,
  manyOption,
  type Options,
  type ParsedArguments,
  positiveOption,
  textOption,
  UsageError,
} from '../options.js'
import { checkPlace, distributionOf, pathOption, readTraining, trainingOptions, write } from '../output.js'
import type { TrainArguments, Trial } from '../trial.js'
import { readFrom, readingOptions, readReading, tablePath } from './reading.js'
import {
  columnsEvent,
  describeColumns,
  describeFile,
  describeResult,
  doneEvent,
  fileFacts,
  showEpoch,
} from './results.js'
import { answer, baselineOf, scoresOf, withTarget } from './scores.js'

const options: Options = {
  target: { value: 'NAME', help: 'the column to predict' },
  classify: { help: 'predict classes (as the target looks: texts, booleans and up to 10 whole numbers are classes)' },
  regress: { help: 'predict numbers' },
  drop: { value: 'A,B', many: true, help: 'columns to leave out' },
  hidden: { value: 'N,N', help: 'units of the hidden layers (64,32); none for a linear model' },
  dropout: { value: 'SHARE', help: 'share of the hidden units that each training row does without (0)' },
  'learning-rate': { value: 'X', help: 'of AdamW (0.003)' },
  ...readingOptions,
  test: { value: 'SHARE', help: 'share of the rows to test on, which training does not see (0.2)' },
  epochs: { value: 'N', help: 'most passes over the rows; training stops when validation gets no better (200)' },
  'batch-size': { value: 'N', help: 'rows per step (16 to 1024, by the number of rows)' },
  ...trainingOptions,
  seed: { value: 'N', help: 'of the split, the weights and the order of rows; the same seed, the same result (0)' },
  save: { value: 'FILE', help: 'where the model goes, such as model.neurode, for predict, evaluate and serve' },
  report: { value: 'FILE', help: 'writes an HTML page: columns, curves, mistakes, importance of columns' },
  json: { help: 'JSON Lines on stdout: what was guessed, an event per epoch, and one at the end' },
}

interface Settings extends ReturnType<typeof readTraining> {
  readonly path: string
  readonly target: string
  readonly task: TabularModel['task'] | undefined
  readonly drop: readonly string[]
  readonly hidden: readonly number[] | undefined
  readonly dropout: number | undefined
  readonly learningRate: number | undefined
  readonly reading: ReadTableOptions
  readonly test: number
  readonly epochs: number | undefined
  readonly batchSize: number | undefined
  readonly seed: number
  readonly save: string | undefined
  readonly report: string | undefined
  readonly json: boolean
  readonly trial: Trial | undefined
}

/** The job `neurode train data.csv`. */
export const trainTable: Job = {
  usage: 'neurode train <table> --target NAME [options]',
  options,
  run: (parsed) => run(readSettings(parsed)),
}

function readSettings(parsed: TrainArguments): Settings {
  const target = textOption(parsed, 'target', /./s, 'the name of a column')
  const path = tablePath(parsed.positionals[0] as string)
  if (target === undefined) {
    throw new UsageError(`--target: expected the name of the column to predict; or did you mean 'neurode train mnist'?`)
  }
  const { classify, regress } = parsed.values
  if (classify && regress) throw new UsageError('--classify: expected it without --regress')
  return {
    path,
    target,
    task: classify ? 'classification' : regress ? 'regression' : undefined,
    drop: manyOption(parsed, 'drop') ?? [],
    hidden: hiddenOption(parsed),
    dropout: shareOption(parsed, 'dropout', 0),
    learningRate: positiveOption(parsed, 'learning-rate'),
    reading: readReading(parsed),
    test: shareOption(parsed, 'test', Number.MIN_VALUE) ?? 0.2,
    epochs: integerOption(parsed, 'epochs', 1),
    batchSize: integerOption(parsed, 'batch-size', 1),
    ...readTraining(parsed),
    seed: integerOption(parsed, 'seed', 0) ?? 0,
    save: pathOption(parsed, 'save'),
    report: pathOption(parsed, 'report'),
    json: parsed.values.json === true,
    trial: parsed.trial,
  }
}

/** A share of at least `low` and below 1, or undefined when the option was not given. */
function shareOption({ values }: ParsedArguments, name: string, low: number): number | undefined {
  const text = values[name]
  if (typeof text !== 'string') return undefined
  const share = Number(text)
  if (text.trim() !== '' && share >= low && share < 1) return share
  throw new UsageError(`--${name}: expected a share below 1${low > 0 ? ' and above 0' : ''}, got '${text}'`)
}

function hiddenOption(parsed: ParsedArguments): readonly number[] | undefined {
  const text = textOption(
    parsed,
    'hidden',
    /^(none|[1-9]\d{0,6}(,[1-9]\d{0,6})*)$/,
    "numbers of units such as 64,32, or 'none'",
  )
  if (text === undefined) return undefined
  return text === 'none' ? [] : text.split(',').map(Number)
}

/** The options on which the weights of an epoch depend. */
function optionsOf(settings: Settings) {
  const { target, task, drop, hidden, dropout, learningRate, batchSize, test, seed, parts } = settings
  const own = { target, task, drop, hidden, dropout, test, seed, parts }
  return { ...own, 'learning-rate': learningRate, 'batch-size': batchSize }
}

async function run(settings: Settings): Promise<number> {
  using stoppable = new Stoppable(settings.backup, optionsOf(settings))
  const { signal } = stoppable
  const events = new TrainingEvents(settings)
  const { json, save, report, trial } = settings
  await checkPlace('metrics-file', settings.metricsFile)
  await checkPlace('save', save)
  await checkPlace('report', report)
  if (report !== undefined) await (await import('../../plot/packages.js')).loadDrawing()
  const whole = await readFrom(settings.path, settings.reading)
  const table = dropped(whole, settings)
  const { train, test } = split(table, settings)
  const { target, task, hidden, dropout, learningRate, seed, device, threads, parts } = settings
  const optimizer = learningRate === undefined ? undefined : tableOptimizer(learningRate)
  const distribution = distributionOf(parts)
  const model = tabular({ target, task, hidden, dropout, optimizer, seed, device, threads, distribution })
  try {
    if (!json) write(describeFile(whole))
    const fitted = await learn(model, whole, train, settings, stoppable, events)
    if (fitted === undefined) return startAgain
    if (save !== undefined) await model.save(save)
    const judged = await judge(model, train, test, settings, signal)
    const leftOut = leftOutOf(model)
    const interrupted = signal.aborted
    const result = { model, leftOut, rows: train.rows, ...fitted, ...judged, saved: save, interrupted, trial }
    if (report !== undefined) await (await import('./report.js')).writeTrainingReport(report, settings.path, result)
    events.emit(doneEvent(result))
    if (!json) write(describeResult(result))
    return interrupted ? 130 : 0
  } finally {
    model.dispose()
  }
}

function leftOutOf(model: TabularModel): readonly LeftOut[] {
  return (model as TableNetwork).leftOut
}

/** Leaves out the columns that the user named; a text with commas is a list, unless a column has this very name. */
function dropped(table: Table, { drop, target }: Settings): Table {
  const there = table.columns.map(({ name }) => name)
  const check = (name: string, option: string) => {
    if (there.includes(name)) return
    throw new UsageError(`--${option}: there is no column '${printable(name)}'${suggest(name, there.map(printable))}`)
  }
  check(target, 'target')
  const names = new Set(
    drop.flatMap((text) => (there.includes(text) ? [text] : text.split(',').map((name) => name.trim()))),
  )
  for (const name of names) check(name, 'drop')
  if (names.has(target)) throw new UsageError(`--drop: expected other columns than the target, got '${target}'`)
  return names.size === 0 ? table : table.select(there.filter((name) => !names.has(name)))
}

/** Splits the rows that have a target; classes keep their shares if each has two rows. */
function split(table: Table, { target, task, test, seed }: Settings): { readonly train: Table; readonly test: Table } {
  const column = table.column(target)
  const isOfClasses = task === 'classification' || (task === undefined && column.type !== 'number')
  if (isOfClasses) {
    try {
      return table.split({ test, seed, stratify: target })
    } catch (error) {
      if (!(error instanceof NeurodeError && error.code === 'ERR_ARGUMENT')) throw error
    }
  }
  return table.split({ test, seed })
}

/** Trains the model. Undefined where the training ends for now, to go on later from its backup. */
async function learn(
  model: TabularModel,
  whole: Table,
  train: Table,
  settings: Settings,
  stoppable: Stoppable,
  events: TrainingEvents,
) {
  const { json, epochs, batchSize } = settings
  const logs: Logs[] = []
  let seconds = 0
  let isTold = false
  const tell = () => {
    if (isTold) return
    isTold = true
    events.emit(columnsEvent(model, leftOutOf(model), { ...fileFacts(whole), rows: train.rows }))
    if (!json) write(describeColumns(model, leftOutOf(model), train.rows))
  }
  try {
    await model.fit(train, {
      ...(epochs === undefined ? {} : { epochs }),
      ...(batchSize === undefined ? {} : { batchSize }),
      earlyStopping: true,
      verbose: 0,
      callbacks: stoppable.callbacks,
      signal: stoppable.signal,
      onProgress: (progress) => {
        tell()
        if (progress.batch < progress.batches) return
        seconds += progress.seconds
        logs.push(progress.logs)
        events.emit(epochEvent(progress))
        if (!json) showEpoch(progress)
      },
    })
  } catch (error) {
    if (!(error instanceof NeurodeError && error.code === 'ERR_ABORTED')) throw error
    if (await stoppable.endsForNow()) return undefined
    // Without an epoch there is nothing to show.
    if (logs.length === 0) throw error
  }
  tell()
  return { logs, seconds }
}

/** Columns of which the importance is measured, and rows that it is measured on, at most. */
const mostColumns = 500
const mostRows = 5000

async function judge(model: TabularModel, train: Table, test: Table, { seed }: Settings, signal: AbortSignal) {
  const answered = await answer(model, [test])
  const rows = withTarget(test, model.target)
  const some = rows.rows > mostRows ? rows.take(Uint32Array.from({ length: mostRows }, (_, row) => row)) : rows
  const isMeasured = !signal.aborted && rows.rows > 1 && model.columns.length <= mostColumns
  return {
    answered,
    scores: scoresOf(model, answered),
    baseline: baselineOf(model, train, answered),
    importance: isMeasured ? await permutationImportance(model, some, { seed }) : undefined,
  }
}
