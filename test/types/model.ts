/** The types of models and results. tsc compiles this file; it is never run. */

import {
  type ActivationName,
  activations,
  type Batch,
  type Callback,
  type ConstraintName,
  callbacks,
  Dense,
  type FitResult,
  type History,
  type InitializerName,
  type Logs,
  layers,
  losses,
  metrics,
  optimizers,
  type RegularizerName,
  type RowSource,
  type Sequential,
  type StopReason,
  sequential,
} from 'neurode'
import { type Equal, expectType } from './equal.js'

const rows = [[0, 0]]

// Sizes of input and output follow from the layers.
const model = sequential([
  layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
  layers.dropout({ rate: 0.5 }),
  layers.dense({ units: 10, activation: 'softmax' }),
])
expectType<Equal<(typeof model)['inputShape'], readonly [784]>>()
expectType<Equal<(typeof model)['outputShape'], readonly [10]>>()
expectType<Equal<Awaited<ReturnType<typeof model.predict>>['shape'], readonly [rows: number, 10]>>()

const shaped = sequential([layers.input({ shape: [28, 28] }), layers.rescaling({ scale: 1 / 255 }), layers.flatten()])
expectType<Equal<(typeof shaped)['inputShape'], readonly [28, 28]>>()
expectType<Equal<(typeof shaped)['outputShape'], readonly [number]>>()

const reshaped = sequential([layers.reshape({ targetShape: [7, -1], inputShape: [28] }), layers.softmax({ axis: 1 })])
expectType<Equal<(typeof reshaped)['outputShape'], readonly [7, number]>>()

const noisy = sequential([
  layers.gaussianNoise({ stddev: 0.1, inputShape: [5] }),
  layers.leakyReLU(),
  layers.unitNormalization(),
  layers.reshape({ targetShape: [1, 5] }),
])
expectType<Equal<(typeof noisy)['outputShape'], readonly [1, 5]>>()

const embedded = sequential([
  layers.embedding({ inputDim: 9, outputDim: 3, inputShape: [4] }),
  layers.layerNormalization(),
])
expectType<Equal<(typeof embedded)['outputShape'], readonly [4, 3]>>()

const positions = sequential([
  layers.permute({ dims: [2, 1], inputShape: [4, 3] }),
  layers.dense({ units: 8 }),
  layers.dense({ units: 5 }),
])
expectType<Equal<(typeof positions)['outputShape'], readonly [number, 5]>>()
const repeated = sequential([layers.repeatVector({ n: 3, inputShape: [4] }), layers.dense({ units: 2 })])
expectType<Equal<(typeof repeated)['outputShape'], readonly [3, 2]>>()

const normalized = sequential([
  layers.normalization({ inputShape: [6] }),
  layers.dense({ units: 5 }),
  layers.batchNormalization({ momentum: 0.9 }),
  layers.prelu(),
  layers.rmsNormalization(),
  layers.groupNormalization({ groups: 5 }),
])
expectType<Equal<(typeof normalized)['outputShape'], readonly [5]>>()

// A single number stands for the most important option of a factory.
const brief = sequential([
  layers.input({ shape: [6] }),
  layers.dense(4),
  layers.dropout(0.5),
  layers.rescaling(2),
  layers.leakyReLU(0.1),
])
expectType<Equal<(typeof brief)['outputShape'], readonly [4]>>()
const repeatedBriefly = sequential([layers.repeatVector(3), layers.dense(2)])
expectType<Equal<(typeof repeatedBriefly)['outputShape'], readonly [3, 2]>>()
// @ts-expect-error: shapes are no numbers
layers.reshape(3)

// The logs at an end have a loss; the logs at a beginning may be empty.
callbacks.earlyStopping() satisfies Callback
const logging: Callback = {
  onTrainBegin: (logs) => logs.loss satisfies number | undefined,
  onEpochEnd: (_epoch, logs) => [logs.loss satisfies number, logs.val_loss satisfies number | undefined],
  onBatchEnd(_batch, logs: Logs) {
    expectType<Equal<typeof logs.loss, number>>()
  },
  onTrainEnd: (logs) => logs.loss satisfies number | undefined,
  onBatchBegin: undefined,
}
// @ts-expect-error: perhaps it was not validated
const validationLoss = (logs: Logs): number => logs.val_loss

const kept = sequential({ layers: [layers.input({ shape: [5] }), layers.activation('tanh')], seed: 1 })
expectType<Equal<(typeof kept)['outputShape'], readonly [5]>>()

const seeded = sequential([layers.input({ shape: [5] }), layers.dense({ units: 2 })], { name: 'a', seed: 1 })
expectType<Equal<(typeof seeded)['outputShape'], readonly [2]>>()
// @ts-expect-error: the layers are there already
sequential([layers.dense(2)], { layers: [] })
// @ts-expect-error: name and seed stand beside the layers
sequential({ layers: [layers.dense(2)] }, { seed: 1 })

const grown = sequential()
  .add(new Dense({ units: 4, inputShape: [2] }))
  .add(layers.dropout({ rate: 0.1 }))
expectType<Equal<(typeof grown)['inputShape'], readonly [2]>>()
expectType<Equal<(typeof grown)['outputShape'], readonly [4]>>()

// The keys of results come from the metrics, as they were given.
const compiled = model.compile({
  optimizer: optimizers.sgd({ lr: 0.1 }),
  loss: 'categorical_crossentropy',
  metrics: [
    'accuracy',
    'mse',
    metrics.binaryAccuracy({ threshold: 0.3, name: 'hits' }),
    metrics.rootMeanSquaredError(),
    metrics.huber({ delta: 0.5, name: 'far' }),
    metrics.cosineSimilarity(),
  ],
})

async function results() {
  const evaluated = await compiled.evaluate(rows, rows)
  const numbers: number[] = [evaluated.loss, evaluated.accuracy, evaluated.mse, evaluated.hits]
  numbers.push(evaluated.rootMeanSquaredError, evaluated.far, evaluated.cosineSimilarity)
  // @ts-expect-error: no such metric
  evaluated.acc

  const plain = await compiled.fit(rows, rows, { epochs: 2 })
  const series: Float64Array[] = [plain.history.loss, plain.history.accuracy]
  // @ts-expect-error: nothing was validated
  plain.history.val_loss

  const validated = await compiled.fit(rows, rows, { validationData: [rows, rows] })
  series.push(validated.history.val_loss, validated.history.val_hits)
  // @ts-expect-error: no such metric
  validated.history.val_acc

  const split = await compiled.fit(rows, rows, { validationSplit: 0.2 })
  series.push(split.history.val_accuracy)

  const share = Math.random() < 0.5 ? 0.1 : undefined
  const perhaps = await compiled.fit(rows, rows, { validationSplit: share })
  const possible: Float64Array | undefined = perhaps.history.val_accuracy
  // @ts-expect-error: perhaps nothing was validated
  series.push(perhaps.history.val_accuracy)

  // The results of a model whose type was not narrowed have a loss, and possibly any other key.
  const wide = await model.fit(rows, rows)
  series.push(wide.history.loss)
  const other: Float64Array | undefined = wide.history.accuracy
  return [numbers, series, possible, other]
}

// Without metrics there is only the loss.
const bare = model.compile({ loss: losses.meanSquaredError({ reduction: 'sum' }) })
async function lossAlone() {
  const { history } = await bare.fit(rows, rows)
  // @ts-expect-error: no metric was asked for
  history.accuracy
  return history.loss
}

// Narrowed models and results can be passed where plain ones are expected.
const general: Sequential = compiled
const result: FitResult<History<string, boolean>> = {} as FitResult<History<'accuracy', true>>

// A metric has the options of its loss, except for the reduction.
metrics.categoricalFocalCrossentropy({ fromLogits: true, gamma: 1 })
// @ts-expect-error: a reduction
metrics.huber({ reduction: 'sum' })
// @ts-expect-error: an option of another optimizer
optimizers.lion({ epsilon: 1 })

// Misspelled names do not compile.
// @ts-expect-error: 'rleu'
layers.dense({ units: 1, activation: 'rleu' })
// @ts-expect-error: 'glorot'
layers.dense({ units: 1, kernelInitializer: 'glorot' })
// @ts-expect-error: 'adamm'
model.compile({ optimizer: 'adamm', loss: 'mse' })
// @ts-expect-error: 'mean_square_error'
model.compile({ loss: 'mean_square_error' })
// @ts-expect-error: 'acuracy'
model.compile({ loss: 'mse', metrics: ['acuracy'] })
// @ts-expect-error: 'batchsize'
model.fit(rows, rows, { batchsize: 32 })
// @ts-expect-error: threshold has no defaults
layers.activation('threshold')
// @ts-expect-error: both numbers are needed
activations.threshold({ threshold: 1 })
// @ts-expect-error: units are needed
layers.dense({ activation: 'relu' })
// @ts-expect-error: a loss is needed
model.compile({ optimizer: 'sgd' })

// Both spellings do.
const activationNames: ActivationName[] = ['leakyRelu', 'leaky_relu', 'leakyReLU', 'hard_swish', 'logSoftmax', 'relu6']
const regularizerNames: RegularizerName[] = ['l1', 'l1l2', 'l1_l2', 'orthogonal']
const constraintNames: ConstraintName[] = ['maxNorm', 'min_max_norm', 'nonNegative', 'unit_norm']
const initializerNames: InitializerName[] = ['heNormal', 'he_normal', 'lecun_uniform', 'leCunNormal', 'zeros']

export {
  activationNames,
  constraintNames,
  general,
  initializerNames,
  logging,
  lossAlone,
  regularizerNames,
  result,
  results,
  validationLoss,
}

// Batches and files are data as well; validation decides the keys all the same.
async function streamed(batches: AsyncIterable<Batch>, file: RowSource) {
  const { history, stopReason } = await compiled.fit(batches, { epochs: 2, stepsPerEpoch: 3 })
  expectType<Equal<typeof stopReason, StopReason>>()
  history.accuracy satisfies Float64Array
  // @ts-expect-error nothing was validated
  history.val_accuracy
  const validated = await compiled.fit(() => batches, { validationData: [file, file] })
  validated.history.val_hits satisfies Float64Array
  const again = await compiled.fit(file, rows, { validationData: batches })
  again.history.val_loss satisfies Float64Array
  const results = await compiled.evaluate(batches, { steps: 2 })
  results.hits satisfies number
  for await (const { shape } of compiled.predictStream([rows]))
    expectType<Equal<typeof shape, readonly [rows: number, 10]>>()
  // @ts-expect-error batches have x and y
  await compiled.fit([{ x: rows }])
}

export { streamed }
