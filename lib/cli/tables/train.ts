/** `neurode train data.csv --target price`: guesses what the columns are, trains a model of them, and shows how good it is. */

import { NeurodeError } from '../../base/errors.js'
import { suggest } from '../../checks/validate.js'
import { permutationImportance } from '../../importance/permutation.js'
import type { ReadTableOptions } from '../../tables/readTable.js'
import { printable, type Table } from '../../tables/table.js'
import type { LeftOut } from '../../tabular/guess.js'
import type { TableNetwork } from '../../tabular/tableNetwork.js'
import { tabular } from '../../tabular/tabular.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Logs } from '../../training/context.js'
import { onInterrupt } from '../interrupt.js'
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
import { checkPlace, pathOption, readTraining, trainingOptions, write, writeJson } from '../output.js'
import { readFrom, readingOptions, readReading, tablePath } from './reading.js'
import {
  columnsEvent,
  describeColumns,
  describeFile,
  describeResult,
  doneEvent,
  epochEvent,
  fileFacts,
  showEpoch,
} from './results.js'
import { answer, baselineOf, scoresFrom } from './scores.js'

const options: Options = {
  target: { value: 'NAME', help: 'the column to predict' },
  classify: { help: 'predict classes (as the target looks: texts, booleans and up to 10 whole numbers are classes)' },
  regress: { help: 'predict numbers' },
  drop: { value: 'A,B', many: true, help: 'columns to leave out' },
  hidden: { value: 'N,N', help: 'units of the hidden layers (64,32); none for a linear model' },
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
  readonly reading: ReadTableOptions
  readonly test: number
  readonly epochs: number | undefined
  readonly batchSize: number | undefined
  readonly seed: number
  readonly save: string | undefined
  readonly report: string | undefined
  readonly json: boolean
}

/** The job `neurode train data.csv`. */
export const trainTable: Job = {
  usage: 'neurode train <table> --target NAME [options]',
  options,
  run: (parsed) => run(readSettings(parsed)),
}

function readSettings(parsed: ParsedArguments): Settings {
  const target = textOption(parsed, 'target', /./s, 'the name of a column')
  const path = tablePath(parsed.positionals[0] as string)
  if (target === undefined) {
    throw new UsageError(`--target: expected the name of the column to predict; or did you mean 'neurode train mnist'?`)
  }
  const { classify, regress } = parsed.values
  if (classify && regress) throw new UsageError('--classify: expected it without --regress')
  const test = positiveOption(parsed, 'test') ?? 0.2
  if (test >= 1) throw new UsageError(`--test: expected a share below 1, got '${parsed.values.test}'`)
  return {
    path,
    target,
    task: classify ? 'classification' : regress ? 'regression' : undefined,
    drop: manyOption(parsed, 'drop') ?? [],
    hidden: hiddenOption(parsed),
    reading: readReading(parsed),
    test,
    epochs: integerOption(parsed, 'epochs', 1),
    batchSize: integerOption(parsed, 'batch-size', 1),
    ...readTraining(parsed),
    seed: integerOption(parsed, 'seed', 0) ?? 0,
    save: pathOption(parsed, 'save'),
    report: pathOption(parsed, 'report'),
    json: parsed.values.json === true,
  }
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

async function run(settings: Settings): Promise<number> {
  using interrupt = onInterrupt()
  const { signal } = interrupt
  const { json, save, report } = settings
  await checkPlace('save', save)
  await checkPlace('report', report)
  if (report !== undefined) await (await import('../../plot/packages.js')).loadDrawing()
  const whole = await readFrom(settings.path, settings.reading)
  const table = dropped(whole, settings)
  const { train, test } = split(table, settings)
  const { target, task, hidden, seed, device, threads } = settings
  const model = tabular({ target, task, hidden, seed, device, threads })
  try {
    if (!json) write(describeFile(whole))
    const fitted = await learn(model, whole, train, settings, signal)
    if (save !== undefined) await model.save(save)
    const judged = await judge(model, train, test, settings, signal)
    const leftOut = leftOutOf(model)
    const result = { model, leftOut, rows: train.rows, ...fitted, ...judged, saved: save, interrupted: signal.aborted }
    if (report !== undefined) await (await import('./report.js')).writeTrainingReport(report, settings.path, result)
    if (json) writeJson(doneEvent(result))
    else write(describeResult(result))
    return result.interrupted ? 130 : 0
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

async function learn(model: TabularModel, whole: Table, train: Table, settings: Settings, signal: AbortSignal) {
  const { json, epochs, batchSize } = settings
  const logs: Logs[] = []
  let seconds = 0
  let isTold = false
  const tell = () => {
    if (isTold) return
    isTold = true
    if (json) writeJson(columnsEvent(model, leftOutOf(model), { ...fileFacts(whole), rows: train.rows }))
    else write(describeColumns(model, leftOutOf(model), train.rows))
  }
  try {
    await model.fit(train, {
      ...(epochs === undefined ? {} : { epochs }),
      ...(batchSize === undefined ? {} : { batchSize }),
      earlyStopping: true,
      verbose: 0,
      signal,
      onProgress: (progress) => {
        tell()
        if (progress.batch < progress.batches) return
        seconds += progress.seconds
        logs.push(progress.logs)
        if (json) writeJson(epochEvent(progress))
        else showEpoch(progress)
      },
    })
  } catch (error) {
    const hasWeights = logs.length > 0
    if (!(hasWeights && error instanceof NeurodeError && error.code === 'ERR_ABORTED')) throw error
  }
  return { logs, seconds }
}

/** Columns of which the importance is measured, and rows that it is measured on, at most. */
const mostColumns = 500
const mostRows = 5000

async function judge(model: TabularModel, train: Table, test: Table, { seed }: Settings, signal: AbortSignal) {
  const answered = await answer(model, test)
  const { rows } = answered
  const some = rows.rows > mostRows ? rows.take(Uint32Array.from({ length: mostRows }, (_, row) => row)) : rows
  const isMeasured = !signal.aborted && rows.rows > 1 && model.columns.length <= mostColumns
  return {
    answered,
    scores: scoresFrom(await model.evaluate(rows)),
    baseline: baselineOf(model, train, answered),
    importance: isMeasured ? await permutationImportance(model, some, { seed }) : undefined,
  }
}
