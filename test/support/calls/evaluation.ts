/** Calls of splits, curves and scores, and of their pictures. */

import * as neurode from 'neurode'
import { plot } from 'neurode/plot'
import { call, type Loose, type PublicCall } from './call.js'

const from: Loose = neurode
const labels = () => [0, 1, 0, 1]
const texts = () => ['a', 'b', 'a', 'b']
const scores = () => [0.1, 0.7, 0.6, 0.4]
const byClass = () => [
  [0.6, 0.3, 0.1],
  [0.2, 0.7, 0.1],
  [0.5, 0.1, 0.4],
  [0.1, 0.4, 0.5],
]
const classes = () => [0, 1, 0, 2]
const sampleWeight = [1, 2, 1, 1]

/** A call of an exported function; words after its name tell several calls apart. */
const of = (title: string, args: () => unknown[]): PublicCall => {
  const [name = ''] = title.split(' ')
  return call(title, args, (...given) => from[name](...given))
}

/** A call of a function that draws. */
const drawn = (title: string, args: () => unknown[]): PublicCall => {
  const [name = ''] = title.split(' ')
  return call(`plot.${title}`, args, (...given) => (plot as Loose)[name](...given))
}

const rows = () => neurode.table({ size: [1, 2, 3, 4], kind: texts(), price: [2.5, 4, 6, 8] })
let net: Promise<neurode.TabularModel> | undefined

/** A trained model of a table, which all calls share. */
async function trained(): Promise<neurode.TabularModel> {
  const made = neurode.tabular({ target: 'price', hidden: [], seed: 1, device: 'cpu', threads: 1 })
  await made.fit(rows(), { epochs: 1, verbose: 0 })
  return made
}

export const evaluationCalls: readonly PublicCall[] = [
  of('trainTestSplit', () => [
    [...labels(), ...labels()],
    { testSize: 0.5, trainSize: 0.5, shuffle: true, seed: 1, stratify: [...texts(), ...texts()] },
  ]),
  of('kFold', () => [labels(), { folds: 2, shuffle: true, seed: 1, stratify: texts(), groups: [1, 2, 3, 4] }]),
  of('timeSeriesSplit', () => [20, { folds: 2, testSize: 3, gap: 1, maxTrainSize: 5 }]),
  of('windows', () => [
    [1, 2, 3, 4, 5],
    { size: 2, horizon: 1, step: 1, sampling: 1, gap: 0, targets: [1, 2, 3, 4, 5] },
  ]),
  of('takeRows', () => [texts(), [0, 2]]),
  of('takeRows of an array', () => [neurode.array(new Float32Array(8), [4, 2]), [0, 2]]),
  of('rocCurve', () => [texts(), scores(), { sampleWeight, positive: 'b', dropIntermediate: true }]),
  of('precisionRecallCurve', () => [texts(), scores(), { sampleWeight, positive: 'b', dropIntermediate: true }]),
  of('rocAuc', () => [labels(), scores(), { sampleWeight, positive: 1, maxFpr: 0.5 }]),
  of('rocAuc of classes', () => [
    classes(),
    byClass(),
    { sampleWeight, classes: [0, 1, 2], average: 'macro', multiClass: 'ovr' },
  ]),
  of('averagePrecision', () => [labels(), scores(), { sampleWeight, positive: 1 }]),
  of('averagePrecision of classes', () => [classes(), byClass(), { classes: [0, 1, 2], average: 'weighted' }]),
  of('calibrationCurve', () => [texts(), scores(), { bins: 2, strategy: 'quantile', positive: 'a' }]),
  of('logLoss', () => [texts(), scores(), { sampleWeight, positive: 'b' }]),
  of('logLoss of classes', () => [classes(), byClass(), { classes: [0, 1, 2] }]),
  of('brierScore', () => [texts(), scores(), { sampleWeight, positive: 'b' }]),
  of('brierScore of classes', () => [classes(), byClass(), { classes: [0, 1, 2] }]),
  of('topKAccuracy', () => [classes(), byClass(), { k: 2, sampleWeight, classes: [0, 1, 2] }]),
  of('confusionMatrix', () => [texts(), ['a', 'a', 'b', 'b'], { sampleWeight, classes: ['b', 'a'], normalize: 'all' }]),
  of('classificationReport', () => [classes(), byClass(), { sampleWeight }]),
  of('regressionReport', () => [[1, 2, 3, 4], scores(), { sampleWeight }]),
  of('classWeights', () => [texts(), { classes: ['a', 'b'] }]),
  of('sampleWeights', () => [texts()]),
  of('permutationImportance', () => [
    (given: unknown) => given,
    byClass(),
    labels(),
    {
      score: () => 1,
      names: ['a', 'b', 'c'],
      repeats: 2,
      seed: 1,
      signal: AbortSignal.timeout(300),
    },
  ]),
  call(
    'permutationImportance of a table',
    () => [{ score: () => 1, repeats: 2, seed: 1, signal: AbortSignal.timeout(300) }],
    async (...given) => {
      net ??= trained()
      return await from.permutationImportance(await net, rows(), ...given)
    },
  ),
  drawn('roc', () => [texts(), scores(), { title: 'a', sampleWeight, positive: 'b' }]),
  drawn('roc of classes', () => [classes(), byClass(), { classes: [0, 1, 2] }]),
  drawn('precisionRecall', () => [texts(), scores(), { title: 'a', sampleWeight, positive: 'b' }]),
  drawn('precisionRecall of classes', () => [classes(), byClass(), { classes: [0, 1, 2] }]),
  drawn('calibration', () => [texts(), scores(), { title: 'a', bins: 2, strategy: 'quantile', positive: 'b' }]),
  drawn('residuals', () => [[1, 2, 3, 4], scores(), { title: 'a', label: 'price' }]),
  drawn('importance', () => [
    { age: 0.3, height: [0.1, 0.2] },
    { title: 'a', xLabel: 'b', most: 2 },
  ]),
]
