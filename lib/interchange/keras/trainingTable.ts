/** Losses and metrics as Keras has them. */

import { lossMetrics } from '../../training/losses.js'
import { metricIds } from '../../training/metricTable.js'
import { toSnake } from './reading.js'

const pascal = (id: string) => `${id[0]?.toUpperCase()}${id.slice(1)}`

/** The losses that Keras has, by Neurode's names. */
const lossIds = Object.keys(lossMetrics)

/** Keras' classes of losses. */
export const lossClass = (id: string) => (id === 'klDivergence' ? 'KLDivergence' : pascal(id))

const otherLosses: Readonly<Record<string, string>> = {
  mse: 'meanSquaredError',
  MSE: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  MAE: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  MAPE: 'meanAbsolutePercentageError',
  msle: 'meanSquaredLogarithmicError',
  MSLE: 'meanSquaredLogarithmicError',
  bce: 'binaryCrossentropy',
  BCE: 'binaryCrossentropy',
  kld: 'klDivergence',
  KLD: 'klDivergence',
  kullback_leibler_divergence: 'klDivergence',
  huber_loss: 'huber',
  logcosh: 'logCosh',
  cosine_proximity: 'cosineSimilarity',
}

/** Neurode's names of losses by the names of Keras' functions and classes. */
export const lossNames: ReadonlyMap<string, string> = new Map([
  ...lossIds.flatMap((id): [string, string][] => [
    [toSnake(id), id],
    [lossClass(id), id],
  ]),
  ...Object.entries(otherLosses),
])

/** Classes of metrics that are not called like Neurode's metrics, or differ from the function of the name. */
const otherMetricClasses: Readonly<Record<string, string>> = {
  auc: 'AUC',
  fBetaScore: 'FBetaScore',
  f1Score: 'F1Score',
  r2Score: 'R2Score',
  binaryIoU: 'BinaryIoU',
  klDivergence: 'KLDivergence',
  logCosh: 'LogCoshError',
  exactAccuracy: 'Accuracy',
}

/** Metrics that Keras has under no name or with another meaning. */
const unlike = [
  'accuracy',
  'mean',
  'sum',
  'iou',
  'huber',
  'categoricalFocalCrossentropy',
  'binaryFocalCrossentropy',
  'categoricalGeneralizedCrossEntropy',
]

/** Keras' class of a metric; undefined if it has none. */
export function metricClass(id: string): string | undefined {
  return unlike.includes(id) ? undefined : (otherMetricClasses[id] ?? pascal(id))
}

/** Neurode's ids of metrics by Keras' classes. */
export const metricsByClass: ReadonlyMap<string, string> = new Map(
  metricIds.flatMap((id): [string, string][] => {
    const className = metricClass(id)
    return className === undefined ? [] : [[className, id]]
  }),
)

const noStrings = ['exactAccuracy', 'mean', 'sum', 'iou', 'auc', 'f1Score', 'fBetaScore', 'r2Score', 'binaryIoU']

/** Neurode's ids of metrics by the names that Keras takes as text. */
export const metricsByName: ReadonlyMap<string, string> = new Map([
  ...metricIds
    .filter((id) => !noStrings.includes(id))
    .flatMap((id): [string, string][] => {
      const className = metricClass(id)
      return [[toSnake(id), id], ...(className === undefined ? [] : ([[className, id]] as [string, string][]))]
    }),
  ...Object.entries(otherLosses),
  ['acc', 'accuracy'],
  ['Accuracy', 'accuracy'],
  ['AUC', 'auc'],
])

const shortNames = 'acc accuracy mse MSE mae MAE mape MAPE msle MSLE bce BCE'.split(' ')

/** Whether Keras takes this name as text for the metric, with this name as its key. */
export function isMetricName(name: string, id: string): boolean {
  if (metricsByName.get(name) !== id) return false
  return (
    shortNames.includes(name) || (name === toSnake(id) && metricClass(id) === pascal(id)) || name === 'kl_divergence'
  )
}

/** Options of losses and metrics that say nothing here, or nothing at this value. */
export const idleOptions: Readonly<Record<string, readonly unknown[] | 'any'>> = {
  name: 'any',
  dtype: 'any',
  axis: [-1, [-1]],
  fn: 'any',
}

/** Names of losses in TensorFlow.js that have the formula of Neurode's. */
export const tfjsLosses: Readonly<Record<string, string>> = {
  meanSquaredError: 'mean_squared_error',
  meanAbsoluteError: 'mean_absolute_error',
  meanAbsolutePercentageError: 'mean_absolute_percentage_error',
  meanSquaredLogarithmicError: 'mean_squared_logarithmic_error',
  squaredHinge: 'squared_hinge',
  hinge: 'hinge',
  categoricalHinge: 'categorical_hinge',
  logCosh: 'logcosh',
  categoricalCrossentropy: 'categorical_crossentropy',
  sparseCategoricalCrossentropy: 'sparse_categorical_crossentropy',
  binaryCrossentropy: 'binary_crossentropy',
  klDivergence: 'kullback_leibler_divergence',
  poisson: 'poisson',
  cosineSimilarity: 'cosine_proximity',
}

/** Names of metrics in TensorFlow.js, by Neurode's. */
export const tfjsMetrics: Readonly<Record<string, readonly string[]>> = {
  accuracy: ['accuracy', 'acc'],
  binaryAccuracy: ['binary_accuracy'],
  categoricalAccuracy: ['categorical_accuracy'],
  meanSquaredError: ['mse', 'mean_squared_error'],
  meanAbsoluteError: ['mae', 'mean_absolute_error'],
  meanAbsolutePercentageError: ['mape', 'mean_absolute_percentage_error'],
}
