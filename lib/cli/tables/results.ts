/** What `neurode train data.csv` says: which columns there are, how training goes, and what came of it. */

import { basename } from 'node:path'
import type { Progress } from '../../fit/progress.js'
import type { PermutationImportance } from '../../importance/shuffled.js'
import { printable, type Table, type TableOrigin } from '../../tables/table.js'
import type { LeftOut } from '../../tabular/guess.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Logs } from '../../training/context.js'
import { count, round } from '../output.js'
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
export function columnsEvent(model: TabularModel, leftOut: readonly LeftOut[], table: object): object {
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

/** The event of an epoch. */
export function epochEvent({ epoch, seconds, logs }: Progress): object {
  const { loss, accuracy, val_loss: valLoss, val_accuracy: valAccuracy } = logs
  return { event: 'epoch', epoch: epoch + 1, loss, accuracy, valLoss, valAccuracy, seconds: round(seconds) }
}

/** Shows an epoch in the last line of a terminal, and nothing elsewhere. */
export function showEpoch({ epoch, logs }: Progress): void {
  const { stdout } = process
  if (!stdout.isTTY) return
  const validation = logs.val_loss === undefined ? '' : `, validation ${number(logs.val_loss)}`
  stdout.write(`\rEpoch ${epoch + 1}: loss ${number(logs.loss)}${validation}\x1b[K`)
}

/** The last event. */
export function doneEvent(trained: Trained): object {
  const { model, rows, answered, scores, baseline, logs, seconds, importance, saved, interrupted } = trained
  const area = areaOf(answered, model.classes)
  return {
    event: 'done',
    target: model.target,
    task: model.task,
    rows,
    testRows: answered.rows.rows,
    device: model.network.device,
    isa: model.network.isa,
    threads: model.network.threads,
    epochs: logs.length,
    ...prefixed(scores, 'test'),
    ...(area === undefined ? {} : { testAuc: area }),
    baseline: { guess: baseline.guess, ...prefixed(baseline.scores, 'test') },
    importance: importance?.columns.map(({ name, mean, std }) => ({ name, mean, std })) ?? null,
    trainSeconds: round(seconds),
    ...(saved === undefined ? {} : { saved }),
    ...(interrupted ? { interrupted } : {}),
  }
}

/** The best of all epochs by its number from 1, whose weights the model has. */
export function bestEpoch(logs: readonly Logs[]): number {
  const losses = logs.map(({ loss, val_loss: validation = loss }) => validation)
  return losses.indexOf(Math.min(...losses)) + 1
}

/** Tells what came of the training. */
export function describeResult(trained: Trained): string {
  const { model, rows, answered, scores, baseline, logs, seconds, importance, saved, interrupted } = trained
  const area = areaOf(answered, model.classes)
  const isOfClasses = model.classes !== undefined
  const epochs = count(logs.length, 'epoch')
  const shown = area === undefined ? scores : [...scores, { key: 'auc', name: 'Area under the ROC curve', value: area }]
  const guess = isOfClasses ? `always ${printable(String(baseline.guess))}` : `always ${number(Number(baseline.guess))}`
  return [
    interrupted ? `\nStopped by Ctrl-C after ${epochs}\n` : '',
    `${process.stdout.isTTY ? '\r\x1b[K' : ''}Trained ${count(rows, 'row')} for ${epochs}, ${seconds.toFixed(2)} s; epoch ${bestEpoch(logs)} is the best\n`,
    `\nOn ${count(answered.rows.rows, 'other row')}:\n`,
    describeScores(shown, baseline.scores, guess),
    importance === undefined ? '' : `\n${isOfClasses ? 'Accuracy' : 'R²'} lost when a column is shuffled:\n`,
    importance === undefined ? '' : describeImportance(importance),
    saved === undefined ? '' : `\nSaved in ${saved}: neurode serve ${saved}\n`,
  ].join('')
}
