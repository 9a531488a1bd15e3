/** `neurode/plot`: draws data, trainings and models as SVG, PNG and HTML, without a browser. */

import { guardArity } from '../checks/arity.js'
import { decisionBoundary } from './boundary.js'
import { confusionMatrix } from './confusion.js'
import { history, line, scatter } from './curves.js'
import { model } from './graphs.js'
import { images, weights } from './grids.js'
import { importance } from './importance.js'
import { warnOfMissing } from './packages.js'
import { calibration, precisionRecall, roc } from './rates.js'
import { report } from './report.js'
import { residuals } from './residuals.js'

export type { DecisionBoundaryOptions } from './boundary.js'
export type { ConfusionMatrixOptions } from './confusion.js'
export type { AxesOptions, HistoryInput, LineOptions, PictureOptions, ScatterOptions } from './curves.js'
export type { ModelPictureOptions } from './graphs.js'
export type { ImagesOptions, WeightsOptions } from './grids.js'
export type { ImportanceOptions } from './importance.js'
export { Picture, type PngOptions } from './picture.js'
export type { CalibrationPictureOptions, RankingPictureOptions, ScoresInput } from './rates.js'
export type { ReportOptions, ReportSection } from './report.js'
export type { ResidualsOptions } from './residuals.js'

warnOfMissing()

/**
 * Draws pictures. Each function resolves with a {@link Picture}, which `save('name.svg')` or `save('name.png')` writes. The colours
 * can be distinguished by colour-blind people; backgrounds are white.
 *
 * Drawing needs optional packages, which are loaded for the first picture: `npm install @observablehq/plot linkedom
 * @resvg/resvg-js`; the last is needed for PNG only. If they are missing, importing this module warns, and its functions reject with
 * `ERR_PACKAGE_MISSING`.
 *
 * @example
 * ```ts
 * import { layers, sequential } from 'neurode'
 * import { plot } from 'neurode/plot'
 *
 * const model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse' })
 * const result = await model.fit([[0], [1], [2]], [1, 3, 5], { epochs: 50, verbose: 0 })
 * const picture = await plot.history(result)
 * await picture.save('training.svg')
 * ```
 */
export const plot = {
  /** Draws loss and metrics over epochs from a result of fit; curves of validation are dashed, in the same panel. */
  history,
  /** Draws a point for each pair of values; with `diagonal`, also the line of equal values, where predictions are right. */
  scatter,
  /** Draws curves by name: `plot.line({ loss: history.loss })`. */
  line,
  /**
   * Draws a confusion matrix of predicted and actual classes. Labels are class indices or one-hot rows; predictions are class indices
   * or rows of outputs of predict. A single array is the matrix itself: `[actual][predicted]`.
   */
  confusionMatrix,
  /**
   * Draws exact ROC curves with their areas: `plot.roc(labels, scores)`. Scores are one number for each row, or one for each class,
   * which gives a curve for each class against the rest; a record of scores compares models by name.
   */
  roc,
  /** Draws exact curves of precision over recall with average precision; parameters are those of `roc`. */
  precisionRecall,
  /** Draws how often predicted probabilities came true, for bins of them; a record of probabilities compares models by name. */
  calibration,
  /** Draws the errors of predicted numbers, actual minus predicted: over the predictions, and how often they occur. */
  residuals,
  /**
   * Draws named values as bars, the largest first: `plot.importance({ age: 0.2, height: 0.1 })`. For several values by a name, the bar
   * is their mean, and a line goes from the least to the largest.
   */
  importance,
  /** Draws gray images side by side; the smallest value is white, the largest black. */
  images,
  /** Draws the predictions of a model with two inputs over a range, with the boundary at ½ and the training points. */
  decisionBoundary,
  /** Draws a layer's kernel, with each unit's inputs as an image: negative weights are blue, positive ones red. */
  weights,
  /**
   * Draws the layers of a model as boxes with name, class and shape of the output, and arrows along the connections, from the inputs
   * at the top to the output at the bottom. A nested model is one box, and so is a layer that was applied several times. Rejects with
   * `ERR_NOT_BUILT` for a model whose input shape is not known.
   */
  model,
  /** Writes pictures, texts and tables to a single HTML file without external resources. */
  report,
} as const

guardArity(plot, 'plot')
