/** `neurode train mnist`: trains a network on MNIST and shows progress and result. */

import { NeurodeError } from '../base/errors.js'
import { type Dataset, datasets } from '../data/datasets.js'
import { layers } from '../layers/index.js'
import { sequential } from '../models/sequential.js'
import type { Logs } from '../training/context.js'
import { optimizers } from '../training/optimizers.js'
import { Stoppable, startAgain } from './backup.js'
import { epochEvent, TrainingEvents } from './events.js'
import type { Job } from './job.js'
import { integerOption, type Options, positiveOption, textOption } from './options.js'
import {
  checkPlace,
  count,
  distributionOf,
  median,
  pathOption,
  readTraining,
  round,
  trainingOptions,
  weightsDigest,
  write,
} from './output.js'
import type { TrainArguments, Trial } from './trial.js'

const options: Options = {
  epochs: { value: 'N', help: 'passes over the training images (20)' },
  'batch-size': { value: 'N', help: 'images per step (128)' },
  'learning-rate': { value: 'X', help: 'of plain SGD (0.01)' },
  ...trainingOptions,
  seed: { value: 'N', help: 'of initial weights and of the order of images; the same seed, the same result (0)' },
  data: { value: 'DIR', help: 'folder with the files of MNIST (NEURODE_DATA, then the cache, then a download)' },
  dataset: { value: 'NAME', help: 'mnist or synthetic (mnist, and synthetic where it cannot be had)' },
  save: { value: 'FILE', help: 'where the trained model goes, such as mnist.neurode, for `neurode serve`' },
  report: { value: 'FILE', help: 'writes an HTML page: curves, confusion matrix, misclassified digits, weights' },
  json: { help: 'JSON Lines on stdout: an event per epoch, and one at the end; seconds are of training alone' },
}

interface Settings extends ReturnType<typeof readTraining> {
  readonly epochs: number
  readonly batchSize: number
  readonly learningRate: number
  readonly seed: number
  readonly data: string | undefined
  readonly dataset: string | undefined
  readonly save: string | undefined
  readonly report: string | undefined
  readonly json: boolean
  readonly trial: Trial | undefined
}

/** The job `neurode train mnist`. */
export const trainMnist: Job = {
  usage: 'neurode train mnist [options]',
  options,
  run: (parsed) => run(readSettings(parsed)),
}

function readSettings(parsed: TrainArguments): Settings {
  return {
    epochs: integerOption(parsed, 'epochs', 1) ?? 20,
    batchSize: integerOption(parsed, 'batch-size', 1) ?? 128,
    learningRate: positiveOption(parsed, 'learning-rate') ?? 0.01,
    ...readTraining(parsed),
    seed: integerOption(parsed, 'seed', 0) ?? 0,
    data: pathOption(parsed, 'data', 'the path of a folder'),
    report: pathOption(parsed, 'report'),
    save: pathOption(parsed, 'save'),
    dataset: textOption(parsed, 'dataset', /^(mnist|synthetic)$/, 'mnist or synthetic'),
    json: parsed.values.json === true,
    trial: parsed.trial,
  }
}

/** The options on which the weights of an epoch depend. */
function optionsOf({ batchSize, learningRate, seed, dataset, parts }: Settings) {
  return { 'batch-size': batchSize, 'learning-rate': learningRate, seed, dataset, parts }
}

async function run(settings: Settings): Promise<number> {
  using stoppable = new Stoppable(settings.backup, optionsOf(settings))
  const { signal } = stoppable
  const events = new TrainingEvents(settings)
  await checkPlace('metrics-file', settings.metricsFile)
  await checkPlace('save', settings.save)
  await checkPlace('report', settings.report)
  if (settings.report !== undefined) await (await import('./mnistReport.js')).checkReport()
  using model = buildModel(settings)
  const dataset = await loadDataset(settings, signal)
  const { name, train, test } = dataset
  const { epochs, batchSize, learningRate, json } = settings
  if (!json)
    write(`Training 784-100-50-10 on ${name}: batches of ${batchSize}, SGD with learning rate ${learningRate}\n`)
  const seconds: number[] = []
  const logs: Logs[] = []
  try {
    await model.fit(train.images, train.labels, {
      batchSize,
      epochs,
      seed: settings.seed,
      validationData: [test.images, test.labels],
      verbose: json ? 0 : 'auto',
      callbacks: stoppable.callbacks,
      signal,
      onProgress: (progress) => {
        if (progress.batch < progress.batches) return
        seconds.push(progress.seconds)
        logs.push(progress.logs)
        events.emit(epochEvent(progress))
      },
    })
  } catch (error) {
    if (!(error instanceof NeurodeError && error.code === 'ERR_ABORTED')) throw error
  }
  if (await stoppable.endsForNow()) return startAgain
  const interrupted = signal.aborted
  if (settings.save !== undefined) await model.save(settings.save)
  const { loss, accuracy } = await model.evaluate(test.images, test.labels)
  const result = {
    dataset: name,
    rows: train.labels.data.length,
    device: model.device,
    isa: model.isa,
    threads: model.threads,
    epochs: model.position.epoch,
    testLoss: loss,
    testAccuracy: accuracy,
    trainSeconds: round(seconds.reduce((sum, value) => sum + value, 0)),
    medianEpochSeconds: seconds.length > 0 ? round(median(seconds)) : null,
    ...(settings.save === undefined ? {} : { saved: settings.save }),
  }
  if (settings.report !== undefined) {
    const { writeReport } = await import('./mnistReport.js')
    await writeReport(settings.report, { model, dataset, epochs: logs, facts: describeFacts(result, settings) })
  }
  const { trial } = settings
  events.emit({
    event: 'done',
    ...result,
    weightsSha256: weightsDigest(model),
    ...(trial === undefined ? {} : { trial }),
    ...(interrupted ? { interrupted } : {}),
  })
  if (!json) write(describeResult(result, interrupted))
  return interrupted ? 130 : 0
}

function buildModel({ seed, learningRate, device, threads, parts }: Settings) {
  return sequential({
    layers: [
      layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 50, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    seed,
  }).compile({
    optimizer: optimizers.sgd({ learningRate }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    device,
    threads,
    distribution: distributionOf(parts),
  })
}

/** Loads the requested data set. By default that is MNIST, or synthetic digits if it can be neither found nor downloaded. */
async function loadDataset({ dataset, data }: Settings, signal: AbortSignal): Promise<Dataset> {
  if (dataset === 'synthetic') return datasets.syntheticDigits()
  try {
    return await datasets.mnist({ dir: data, signal, onProgress: downloadProgress() })
  } catch (error) {
    if (dataset === 'mnist' || !(error instanceof NeurodeError && error.code === 'ERR_DOWNLOAD')) throw error
    process.stderr.write(
      'MNIST is not on this machine and could not be downloaded: training on synthetic digits instead ' +
        '(`neurode doctor` shows where it was looked for).\n',
    )
    return datasets.syntheticDigits()
  }
}

/** Shows downloads on stderr: one line per file; on a terminal, the line is updated. */
function downloadProgress() {
  const { stderr } = process
  let current = ''
  return ({
    file,
    url,
    receivedBytes,
    totalBytes,
  }: {
    file: string
    url: string
    receivedBytes: number
    totalBytes: number
  }) => {
    const isNew = file !== current
    current = file
    if (stderr.isTTY) {
      const percent = Math.floor((100 * receivedBytes) / totalBytes)
      stderr.write(
        `\rDownloading ${file} from ${new URL(url).host}: ${percent} %\x1b[K${receivedBytes === totalBytes ? '\n' : ''}`,
      )
    } else if (isNew) {
      stderr.write(`Downloading ${file} from ${new URL(url).host}\n`)
    }
  }
}

interface Result {
  readonly dataset: string
  readonly device: string
  readonly isa: string
  readonly threads: number
  readonly epochs: number
  readonly testLoss: number
  readonly testAccuracy: number
  readonly trainSeconds: number
  readonly medianEpochSeconds: number | null
  readonly saved?: string
}

function describeResult(result: Result, interrupted: boolean): string {
  const { dataset, device, isa, threads, epochs, testLoss, testAccuracy, trainSeconds, medianEpochSeconds } = result
  const pace = medianEpochSeconds === null ? '' : ` (${medianEpochSeconds.toFixed(3)} s an epoch)`
  return [
    ...(interrupted ? [`\nStopped by Ctrl-C after ${count(epochs, 'epoch')}`] : []),
    `\nTest accuracy  ${testAccuracy.toFixed(4)} (loss ${testLoss.toFixed(4)})`,
    `Training time  ${trainSeconds.toFixed(2)} s${pace}`,
    `Data set       ${dataset}`,
    `Device         ${device}, ${isa}, ${count(threads, 'thread')}`,
    ...(result.saved === undefined ? [] : [`Saved in       ${result.saved}`]),
    '',
  ].join('\n')
}

function describeFacts(result: Result, { batchSize, learningRate }: Settings): Record<string, string | number> {
  return {
    'Test accuracy': result.testAccuracy.toFixed(4),
    'Test loss': result.testLoss.toFixed(4),
    Epochs: result.epochs,
    'Training time': `${result.trainSeconds.toFixed(2)} s`,
    Optimizer: `SGD, learning rate ${learningRate}, batches of ${batchSize}`,
    Device: `${result.device}, ${result.isa}, ${count(result.threads, 'thread')}`,
  }
}
