/** The HTML pages of `neurode train data.csv --report` and `neurode evaluate --report`. */

import { basename } from 'node:path'
import { confusionMatrix } from '../../evaluation/confusion.js'
import type { Label } from '../../evaluation/given.js'
import { type Picture, plot, type ReportSection } from '../../plot/index.js'
import { printable } from '../../tables/table.js'
import type { TabularModel } from '../../tabular/types.js'
import type { Logs } from '../../training/context.js'
import { bestEpoch, epochsOf, type Trained } from './results.js'
import { type Answered, areaOf, type Evaluated, type Score } from './scores.js'
import { describeColumn, number } from './text.js'

/** The most classes that a confusion matrix and curves are drawn for: of more, nothing could be read. */
const mostMatrixClasses = 40
const mostCurves = 12
/** The most columns that are listed. */
const mostColumns = 200

/** Writes the page of a training. */
export async function writeTrainingReport(path: string, data: string, trained: Trained): Promise<void> {
  const { model, answered, scores, baseline, logs, importance } = trained
  const best = bestEpoch(trained)
  const title = `${shown(model.target)} from ${basename(data)}`
  const before = new Map(baseline.scores.map(({ key, value }) => [key, value]))
  const compared = withArea(scores, answered, model).map(({ key, name, value }): [string, string] => {
    const simple = before.get(key)
    return [name, simple === undefined ? number(value) : `${number(value)} (the simplest guess: ${number(simple)})`]
  })
  await plot.report(
    path,
    [
      {
        heading: 'Result',
        table: Object.fromEntries([
          ...compared,
          [
            'The simplest guess',
            `always ${typeof baseline.guess === 'number' ? number(baseline.guess) : shown(String(baseline.guess))}`,
          ],
          ['Rows to train on', trained.rows.toLocaleString('en')],
          ['Rows to test on', answered.rows.toLocaleString('en')],
          ['Epochs', `${epochsOf(trained)}${best === undefined ? '' : `, of which ${best} is the best`}`],
          ['Training time', `${trained.seconds.toFixed(2)} s`],
        ]),
      },
      ...columnsOf(model, trained.leftOut),
      ...(logs.length > 0 ? [await plot.history(historyOf(logs))] : []),
      ...(await picturesOf(model, answered)),
      ...(importance === undefined || importance.columns.length === 0
        ? []
        : [
            await plot.importance(importance.byName, {
              title: 'Importance of columns',
              xLabel: `${model.task === 'classification' ? 'accuracy' : 'R²'} lost when the column is shuffled`,
            }),
          ]),
    ],
    { title },
  )
}

/** Writes the page of an evaluation. */
export async function writeEvaluationReport(path: string, data: string, { model, answered, scores }: Evaluated) {
  await plot.report(
    path,
    [
      {
        heading: 'Result',
        table: Object.fromEntries([
          ...scores.map(({ name, value }): [string, string] => [name, number(value)]),
          ['Rows', answered.rows.toLocaleString('en')],
        ]),
      },
      ...columnsOf(model, []),
      ...(await picturesOf(model, answered)),
    ],
    { title: `${shown(model.target)} of ${data === '-' ? 'stdin' : basename(data)}` },
  )
}

/** A name of the user's, with what cannot be seen made visible. */
function shown(text: string): string {
  return printable(text) || '(no name)'
}

function withArea(scores: readonly Score[], answered: Answered, model: TabularModel): readonly Score[] {
  const area = areaOf(answered, model.classes)
  return area === undefined ? scores : [...scores, { key: 'auc', name: 'Area under the ROC curve', value: area }]
}

function columnsOf(model: TabularModel, leftOut: Trained['leftOut']): readonly ReportSection[] {
  const rows = [
    ...model.columns.map((column) => [
      shown(column.name),
      [column.kind, describeColumn(column)].filter(Boolean).join(': '),
    ]),
    ...leftOut.map(({ name, why }) => [shown(name), `left out: ${why}`]),
  ]
  const more = rows.length > mostColumns ? [`… and ${rows.length - mostColumns} more`] : []
  return [{ heading: 'Columns', table: Object.fromEntries(rows.slice(0, mostColumns)), text: more }]
}

function historyOf(logs: readonly Logs[]): Record<string, number[]> {
  const keys = Object.keys(logs[0] ?? {})
  return Object.fromEntries(keys.map((key) => [key, logs.map((each) => each[key] ?? Number.NaN)]))
}

async function picturesOf(model: TabularModel, answered: Answered): Promise<readonly Picture[]> {
  if (answered.rows === 0) return []
  return model.classes === undefined
    ? picturesOfNumbers(model, answered)
    : picturesOfClasses(model.target, model.classes, answered)
}

async function picturesOfNumbers({ target }: TabularModel, { truths, guesses }: Answered): Promise<readonly Picture[]> {
  const [actual, predicted] = [truths as readonly number[], guesses as readonly number[]]
  return [
    await plot.scatter([...actual], [...predicted], {
      title: 'Predicted and actual',
      xLabel: 'actual',
      yLabel: 'predicted',
      diagonal: true,
    }),
    await plot.residuals(actual, predicted, { label: shown(target) }),
  ]
}

async function picturesOfClasses(
  target: string,
  classes: NonNullable<TabularModel['classes']>,
  { truths, guesses, probabilities }: Answered,
): Promise<readonly Picture[]> {
  const labels = truths as readonly Label[]
  const pictures: Picture[] = []
  if (classes.length <= mostMatrixClasses) {
    const { matrix } = confusionMatrix(labels, guesses as readonly Label[], { classes })
    pictures.push(await plot.confusionMatrix(matrix, { classes: classes.map((label) => shown(String(label))) }))
  }
  if (new Set(truths).size < 2 || classes.length > mostCurves) return pictures
  if (classes.length > 2) {
    const scores = probabilities.map((row) => [...row])
    return [
      ...pictures,
      await plot.roc(labels, scores, { classes }),
      await plot.precisionRecall(labels, scores, { classes }),
    ]
  }
  const scores = probabilities.map(([, second = 0]) => second)
  const positive = classes[1] as Label
  return [
    ...pictures,
    await plot.roc(labels, scores, { positive, title: `ROC of ${shown(target)}: ${shown(String(positive))}` }),
    await plot.precisionRecall(labels, scores, { positive }),
    await plot.calibration(labels, scores, { positive }),
  ]
}
