/** What `neurode train data.csv` says: which columns there are, how training goes, and what came of it. */

import { basename } from 'node:path'
import type { Progress } from '../../fit/progress.js'
import type { PermutationImportance } from '../../importance/shuffled.js'
import { printable, type Table, type TableOrigin } from '../../tables/table.js'
import type { LeftOut } from '../../tabular/guess.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Logs } from '../../training/context.js'
import type { TrainingEvent } from '../events.js'
import { count, round, weightsDigest, write } from '../output.js'
import type { Trial } from '../trial.js'
import { type Answered, areaOf, type Baseline, type Score } from './scores.js'
import { alignedRows, describeColumn, describeImportance, describeScores, number } from './text.js'

/** What a training has come to. */
export interface Trained {
  readonly model: TabularModel
  readonly leftOut: readonly LeftOut[]
  /** Rows that it was trained on, those kept for validation among them. */
  readonly rows: number
  /** Losses and metrics of every epoch, and seconds of all. */
  readonly logs: readonly Logs[]
  readonly seconds: number
  readonly interrupted: boolean
  readonly answered: Answered
  readonly scores: readonly Score[]
  readonly baseline: Baseline
  /** Undefined where it was not measured. */
  readonly importance: PermutationImportance | undefined
  readonly saved: string | undefined
  readonly trial: Trial | undefined
}

/** Names of scores in events: `accuracy` becomes `testAccuracy`. */
function prefixed(scores: readonly Score[], prefix: string): Record<string, number> {
  return Object.fromEntries(scores.map(({ key, value }) => [`${prefix}${key[0]?.toUpperCase()}${key.slice(1)}`, value]))
}

/** What a table was read from, and how that is written. */
export function fileFacts({ source }: Table): object {
  const { path: file, delimiter = null, decimal = null } = source as TableOrigin
  return { file, delimiter, decimal }
}

/** Tells what was read. */
export function describeFile({ rows, columns, source }: Table): string {
  const { path, delimiter, decimal } = source as TableOrigin
  const between = delimiter === '\t' ? 'a tab' : `'${delimiter}'`
  const style =
    delimiter === undefined ? '' : `, with ${between} between cells${decimal === ',' ? ' and decimal commas' : ''}`
  return `Read ${count(rows, 'row')} of ${count(columns.length, 'column')} from ${basename(path)}${style}\n`
}

/** The event of `--json` that tells what was guessed. */
export function columnsEvent(model: TabularModel, leftOut: readonly LeftOut[], table: object): TrainingEvent {
  const { target, task, classes, columns } = model
  return { event: 'columns', ...table, target, task, classes: classes ?? null, columns, leftOut }
}

/** Tells what was guessed. */
export function describeColumns(model: TabularModel, leftOut: readonly LeftOut[], learned: number): string {
  const { target, task, classes, columns } = model
  const what = classes === undefined ? 'a number' : `one of ${count(classes.length, 'class', 'classes')}`
  const rows = [
    ...columns.map((column) => [printable(column.name), column.kind, describeColumn(column)]),
    ...leftOut.map(({ name, why }) => [printable(name), 'left out', why]),
  ]
  const remedy = task === 'classification' ? '--regress for numbers' : '--classify for classes'
  return `Predicting '${printable(target)}', ${what} (${remedy}), from ${count(learned, 'row')} of:\n${alignedRows(rows)}`
}

/** Shows an epoch in the last line of a terminal, and nothing elsewhere. */
export function showEpoch({ epoch, logs }: Progress): void {
  if (!process.stdout.isTTY) return
  const validation = logs.val_loss === undefined ? '' : `, validation ${number(logs.val_loss)}`
  write(`\rEpoch ${epoch + 1}: loss ${number(logs.loss)}${validation}\x1b[K`)
}

/** The last event. */
export function doneEvent(trained: Trained): TrainingEvent {
  const { model, rows, answered, scores, baseline, seconds, importance, saved, interrupted, trial } = trained
  const area = areaOf(answered, model.classes)
  return {
    event: 'done',
    target: model.target,
    task: model.task,
    rows,
    testRows: answered.rows,
    device: model.network.device,
    isa: model.network.isa,
    threads: model.network.threads,
    epochs: epochsOf(trained),
    ...prefixed(scores, 'test'),
    ...(area === undefined ? {} : { testAuc: area }),
    baseline: { guess: baseline.guess, ...prefixed(baseline.scores, 'test') },
    importance: importance?.columns.map(({ name, mean, std }) => ({ name, mean, std })) ?? null,
    trainSeconds: round(seconds),
    weightsSha256: weightsDigest(model.network),
    ...(saved === undefined ? {} : { saved }),
    ...(trial === undefined ? {} : { trial }),
    ...(interrupted ? { interrupted } : {}),
  }
}

/** Epochs of the training, those before it went on from a backup among them. */
export function epochsOf({ model }: Trained): number {
  return model.network.position.epoch
}

/** The best of all epochs by its number from 1, whose weights the model has; undefined where it may be one before a backup. */
export function bestEpoch(trained: Trained): number | undefined {
  const { logs } = trained
  const losses = logs.map(({ loss, val_loss: validation = loss }) => validation)
  return logs.length < epochsOf(trained) ? undefined : losses.indexOf(Math.min(...losses)) + 1
}

/** Tells what came of the training. */
export function describeResult(trained: Trained): string {
  const { model, rows, answered, scores, baseline, seconds, importance, saved, interrupted } = trained
  const area = areaOf(answered, model.classes)
  const isOfClasses = model.classes !== undefined
  const epochs = count(epochsOf(trained), 'epoch')
  const best = bestEpoch(trained)
  const shown = area === undefined ? scores : [...scores, { key: 'auc', name: 'Area under the ROC curve', value: area }]
  const guess = isOfClasses ? `always ${printable(String(baseline.guess))}` : `always ${number(Number(baseline.guess))}`
  return [
    interrupted ? `\nStopped by Ctrl-C after ${epochs}\n` : '',
    `${process.stdout.isTTY ? '\r\x1b[K' : ''}Trained ${count(rows, 'row')} for ${epochs}, ${seconds.toFixed(2)} s${best === undefined ? '' : `; epoch ${best} is the best`}\n`,
    `\nOn ${count(answered.rows, 'other row')}:\n`,
    describeScores(shown, baseline.scores, guess),
    importance === undefined ? '' : `\n${isOfClasses ? 'Accuracy' : 'R²'} lost when a column is shuffled:\n`,
    importance === undefined ? '' : describeImportance(importance),
    saved === undefined ? '' : `\nSaved in ${saved}: neurode serve ${saved}\n`,
  ].join('')
}
