/** `neurode/plot`: pictures of data, trainings and models, as SVG, PNG and HTML, without a browser. */

import { guardArity } from '../checks/arity.js'
import { decisionBoundary } from './boundary.js'
import { confusionMatrix } from './confusion.js'
import { history, line, scatter } from './curves.js'
import { images, weights } from './grids.js'
import { warnOfMissing } from './packages.js'
import { report } from './report.js'

export type { DecisionBoundaryOptions } from './boundary.js'
export type { ConfusionMatrixOptions } from './confusion.js'
export type { AxesOptions, HistoryInput, LineOptions, PictureOptions, ScatterOptions } from './curves.js'
export type { ImagesOptions, WeightsOptions } from './grids.js'
export { Picture, type PngOptions } from './picture.js'
export type { ReportOptions, ReportSection } from './report.js'

warnOfMissing()

/**
 * Draws pictures: each function gives a {@link Picture}, which `save('name.svg')` and `save('name.png')` write. Colours are
 * ones that colour-blind people tell apart; backgrounds are white.
 *
 * The packages that draw are optional, and loaded with the first picture: `npm install @observablehq/plot linkedom
 * @resvg/resvg-js`, the last for PNG alone. Without them an import warns, and functions reject with `ERR_PACKAGE_MISSING`.
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
  /** Loss and metrics over epochs, from what fit gives; validation dashed, in the same panel. */
  history,
  /** A point for every pair of values; `diagonal` shows where predictions would be right. */
  scatter,
  /** Curves by name: `plot.line({ loss: history.loss })`. */
  line,
  /**
   * Counts of predicted against actual classes. Labels are class indices or one-hot rows; predictions class indices or
   * the rows of outputs that predict gives. With one array, that array is the matrix: `[actual][predicted]`.
   */
  confusionMatrix,
  /** Gray images side by side: black on white, from the least value to the largest. */
  images,
  /** What a model of two inputs says, all over a range, with its boundary at ½ and the points it learned from. */
  decisionBoundary,
  /** A layer's kernel, each unit's inputs as an image: blue below 0, red above. */
  weights,
  /** Writes pictures, texts and tables into one HTML file that needs nothing else. */
  report,
} as const

guardArity(plot, 'plot')
