/** Draws curves of classifiers: ROC, precision and recall, and calibration. */

import type { ArrayInput } from '../arrays/arrays.js'
import { isPlain, refuse } from '../checks/validate.js'
import { type CalibrationOptions, calibrationCurve } from '../evaluation/calibration.js'
import type { Label, LabelInput } from '../evaluation/given.js'
import { precisionRecallOf, type Ranked, rocOf } from '../evaluation/ranking.js'
import { areaOf, averagePrecisionOf, curvesOf } from '../evaluation/scores.js'
import type { PictureOptions } from './curves.js'
import { checkPictureOptions } from './options.js'
import { axis, colorOf, compose, drawPanel, faint, type LegendEntry, type Panel } from './panels.js'
import type { Picture } from './picture.js'

/** Scores of one model, or of several by their names. */
export type ScoresInput = ArrayInput | Readonly<Record<string, ArrayInput>>

/** Options of `plot.roc` and `plot.precisionRecall`. */
export interface RankingPictureOptions extends PictureOptions {
  /** A weight of at least 0 for each row. Default: all weights are 1. */
  readonly sampleWeight?: ArrayInput | undefined
  /** Of two classes: the label of the positive one. Default: 1 of 0 and 1 or of -1 and 1, and `true` of booleans. */
  readonly positive?: Label | undefined
  /** Of several classes: the label of each column of the scores. Default: the column's number, or the different labels in order. */
  readonly classes?: readonly Label[] | undefined
}

/** Options of `plot.calibration`. */
export interface CalibrationPictureOptions extends PictureOptions, CalibrationOptions {}

interface Curve {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const own = ['sampleWeight', 'positive', 'classes']
const mostCurves = 20

/** The curves of all models and classes, with their names. */
function readCurves(labels: LabelInput, scores: ScoresInput, options: RankingPictureOptions, argument: string) {
  const { title: _, ...rest } = options
  const models = isModels(scores) ? Object.entries(scores) : [[undefined, scores] as const]
  if (models.length === 0) refuse('scores', 'scores of at least one model', scores)
  const curves = models.flatMap(([model, each]) => {
    return curvesOf(labels, each, rest, argument).map(({ name, ranked }) => ({ model, name, ranked }))
  })
  if (curves.length > mostCurves) refuse('scores', `at most ${mostCurves} curves`, curves.length)
  return curves.map(({ model, name, ranked }) => {
    const parts = [model, name].filter((part) => part !== undefined)
    return { name: parts.join(': '), ranked }
  })
}

function isModels(scores: ScoresInput): scores is Readonly<Record<string, ArrayInput>> {
  return isPlain(scores) && !('data' in scores && 'shape' in scores)
}

/** Implements `plot.roc`. */
export async function roc(labels: LabelInput, scores: ScoresInput, given?: RankingPictureOptions): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', ...own], 'plot.roc')
  const curves = readCurves(labels, scores, options, 'plot.roc').map(({ name, ranked }): Curve => {
    const { fpr, tpr } = rocOf(ranked, true)
    return { name: withScore(name, 'AUC', areaOf(ranked)), points: pairs(fpr, tpr) }
  })
  const diagonal: Curve = {
    name: 'chance',
    points: [
      [0, 0],
      [1, 1],
    ],
  }
  const labelsOf = { x: 'false positive rate', y: 'true positive rate' }
  return compose(options.title ?? 'ROC', [await drawRates(curves, diagonal, labelsOf)])
}

/** Implements `plot.precisionRecall`. */
export async function precisionRecall(
  labels: LabelInput,
  scores: ScoresInput,
  given?: RankingPictureOptions,
): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', ...own], 'plot.precisionRecall')
  const read = readCurves(labels, scores, options, 'plot.precisionRecall')
  const curves = read.map(({ name, ranked }): Curve => {
    const { precision, recall } = precisionRecallOf(ranked, true)
    return { name: withScore(name, 'AP', averagePrecisionOf(ranked)), points: steps(recall, precision) }
  })
  const shares = read.map(({ ranked }) => shareOf(ranked))
  const share = shares[0] as number
  const chance: Curve = {
    name: 'chance',
    points: [
      [0, share],
      [1, share],
    ],
  }
  const isSame = shares.every((each) => each === share)
  const labelsOf = { x: 'recall', y: 'precision' }
  return compose(options.title ?? 'Precision and recall', [
    await drawRates(curves, isSame ? chance : undefined, labelsOf),
  ])
}

/** Implements `plot.calibration`. */
export async function calibration(
  labels: LabelInput,
  probabilities: ScoresInput,
  given?: CalibrationPictureOptions,
): Promise<Picture> {
  const options = checkPictureOptions(given, ['title', 'bins', 'strategy', 'positive'], 'plot.calibration')
  const { title = 'Calibration', ...rest } = options
  const models = isModels(probabilities) ? Object.entries(probabilities) : [['', probabilities] as const]
  if (models.length === 0) refuse('probabilities', 'probabilities of at least one model', probabilities)
  const curves = models.map(([name, each]): Curve => {
    const { predicted, observed, expectedCalibrationError } = calibrationCurve(labels, each, rest)
    return { name: withScore(name, 'error', expectedCalibrationError), points: pairs(predicted, observed) }
  })
  const perfect: Curve = {
    name: 'perfect',
    points: [
      [0, 0],
      [1, 1],
    ],
  }
  const labelsOf = { x: 'predicted probability', y: 'share of positive rows' }
  return compose(title, [await drawRates(curves, perfect, labelsOf, true)])
}

function withScore(name: string, score: string, value: number): string {
  return `${name}${name === '' ? '' : ', '}${score} ${value.toFixed(3)}`
}

function shareOf({ positive, weights }: Ranked): number {
  let [truly, total] = [0, 0]
  for (const [row, each] of positive.entries()) {
    truly += each * (weights?.[row] ?? 1)
    total += weights?.[row] ?? 1
  }
  return truly / total
}

function pairs(x: Float64Array, y: Float64Array): (readonly [number, number])[] {
  return Array.from(x, (each, i) => [each, y[i] as number] as const)
}

/** Precision holds from a recall down to the next: average precision is the area under these steps. */
function steps(recall: Float64Array, precision: Float64Array): (readonly [number, number])[] {
  return pairs(recall, precision).flatMap(([x, y], i) =>
    i === 0
      ? [[x, y]]
      : [
          [x, precision[i - 1] as number],
          [x, y],
        ],
  )
}

/** Draws curves over the unit square, and a dashed one that they are compared with. */
function drawRates(
  curves: readonly Curve[],
  reference: Curve | undefined,
  labels: { readonly x: string; readonly y: string },
  dots = false,
): Promise<Panel> {
  const legend = curves.map(({ name }, i): LegendEntry => ({ text: name, color: colorOf(i), kind: 'line' }))
  const gray = '#7f7f7f'
  if (reference) legend.push({ text: reference.name, color: gray, kind: 'dashed' })
  return drawPanel(
    (Plot) => ({
      width: 460,
      height: 420,
      x: { ...axis, label: labels.x, domain: [0, 1], nice: false },
      y: { ...axis, label: labels.y, domain: [0, 1], nice: false },
      marks: [
        Plot.gridX(faint),
        Plot.gridY(faint),
        ...(reference ? [Plot.line(reference.points, { stroke: gray, strokeDasharray: '5 3' })] : []),
        ...curves.map(({ points }, i) => Plot.line(points, { stroke: colorOf(i), strokeWidth: 2 })),
        ...(dots ? curves.map(({ points }, i) => Plot.dot(points, { fill: colorOf(i), r: 3.5 })) : []),
      ],
    }),
    { legend },
  )
}
