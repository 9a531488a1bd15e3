/** The callback that writes a training for TensorBoard. */

import { join } from 'node:path'
import { NeurodeError } from '../base/errors.js'
import { warn } from '../base/warnings.js'
import {
  checkBoolean,
  checkDouble,
  checkInteger,
  checkOptions,
  checkRecord,
  refuse,
  refuseIdle,
} from '../checks/validate.js'
import { coreOf } from '../core/cores.js'
import { toPath } from '../files/files.js'
import type { HyperParameter } from '../formats/events/types.js'
import type { Callback } from '../training/callbacks.js'
import type { Logs, TrainingContext } from '../training/context.js'
import { learningRateAt, type Optimizer } from '../training/optimizers.js'
import { EventFile } from './eventFile.js'
import { checkUpdateFrequency, setHook, type UpdateFrequency } from './frequency.js'

/** Options of {@link callbacks}.tensorBoard. */
export interface TensorBoardOptions {
  /** The folder, in which `train` and `validation` get the files; default `logs`. Each training should have its own. */
  readonly logDir?: string | URL | undefined
  /** Writes histograms of all weights after every so many epochs, beginning with the first one; default 0: none. */
  readonly histogramFreq?: number | undefined
  /** Writes the structure of the model as a graph; default true. */
  readonly writeGraph?: boolean | undefined
  /** Writes the weights as pictures as well, whenever their histograms are written; default false. */
  readonly writeImages?: boolean | undefined
  /** Writes how many batches a second were trained; default false. */
  readonly writeStepsPerSecond?: boolean | undefined
  /** When loss and metrics of batches are written, beside those of epochs; default `epoch`: never. */
  readonly updateFreq?: UpdateFrequency | undefined
  /** The hyper-parameters of the training, by name, which TensorBoard compares; default none. */
  readonly hparams?: Readonly<Record<string, HyperParameter>> | undefined
}

const argument = 'callbacks.tensorBoard'
const optionNames = [
  'logDir',
  'histogramFreq',
  'writeGraph',
  'writeImages',
  'writeStepsPerSecond',
  'updateFreq',
  'hparams',
]

const loadEncoders = () => import('../formats/events/encode.js')

/**
 * Writes event files, one for each fit, with Keras' tags: `epoch_loss`, `epoch_<metric>` and `epoch_learning_rate` by epoch;
 * `batch_…` and `evaluation_…_vs_iterations` by optimizer step.
 */
export class TensorBoard implements Callback {
  /** @internal */
  readonly firstRankOnly = true
  readonly batchInterval: number | undefined
  readonly #folder: string
  readonly #histogramFreq: number
  readonly #writeGraph: boolean
  readonly #writeImages: boolean
  readonly #writeSpeed: boolean
  readonly #hparams: Readonly<Record<string, HyperParameter>> | undefined
  #context: TrainingContext | undefined
  #train: EventFile
  #validation: EventFile
  #session: EventFile
  #state: 'new' | 'begun' | 'ended' = 'new'
  #hasWarned = false
  #epochMark = { time: 0, step: 0 }
  #batchMark = { time: 0, step: 0 }
  /** Present only with an `updateFreq` other than `epoch`: a callback with this method makes fit pause after batches to call it. */
  declare readonly onBatchEnd?: ((batch: number, logs: Logs) => Promise<void>) | undefined

  constructor(given?: TensorBoardOptions) {
    const options = checkOptions(given, optionNames, argument)
    this.#folder = toPath(options.logDir ?? 'logs', `${argument}: logDir`)
    this.#histogramFreq = checkInteger(options.histogramFreq ?? 0, `${argument}: histogramFreq`, 0)
    this.#writeGraph = checkBoolean(options.writeGraph ?? true, `${argument}: writeGraph`)
    this.#writeImages = checkBoolean(options.writeImages ?? false, `${argument}: writeImages`)
    this.#writeSpeed = checkBoolean(options.writeStepsPerSecond ?? false, `${argument}: writeStepsPerSecond`)
    this.#hparams = options.hparams === undefined ? undefined : checkHyperParameters(options.hparams)
    if (this.#histogramFreq === 0) refuseIdle(options, ['writeImages'], argument, 'without histogramFreq')
    const frequency = checkUpdateFrequency(options.updateFreq, `${argument}: updateFreq`)
    if (frequency !== 'epoch') {
      this.batchInterval = frequency
      setHook(this, (batch, logs) => this.#writeBatch(batch, logs, frequency))
    }
    ;[this.#train, this.#validation, this.#session] = this.#files()
  }

  onTrainBegin(_logs: Logs, context: TrainingContext): void {
    this.#context = context
    this.#state = 'new'
    ;[this.#train, this.#validation, this.#session] = this.#files()
  }

  async tryOut(): Promise<void> {
    for (const file of this.#files()) await file.checkWritable()
    this.#epochMark = this.#batchMark = this.#mark()
  }

  async onEpochBegin(): Promise<void> {
    await this.#begin()
    this.#epochMark = this.#batchMark = this.#mark()
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    await this.#begin()
    const { encodeScalars } = await loadEncoders()
    const { step } = this.#mark()
    const own = Object.entries(logs).filter(([key]) => !key.startsWith('val_'))
    const validated = Object.entries(logs).filter(([key]) => key.startsWith('val_'))
    const speed = this.#speedSince(this.#epochMark)
    const train = encodeScalars(epoch, prefixed('epoch_', [...own, ['learning_rate', this.#learningRate()], ...speed]))
    await this.#train.append([train, ...(await this.#weights(epoch))])
    if (validated.length === 0) return
    const results = validated.map(([key, value]) => [key.slice('val_'.length), value] as const)
    const byStep = results.map(([key, value]) => [`evaluation_${key}_vs_iterations`, value] as const)
    await this.#validation.append([
      encodeScalars(step, Object.fromEntries(byStep)),
      encodeScalars(epoch, prefixed('epoch_', results)),
    ])
  }

  async onTrainEnd(): Promise<void> {
    await this.#endSession('success')
  }

  async onTrainClose(): Promise<void> {
    try {
      await this.#endSession('failure')
    } finally {
      for (const file of [this.#train, this.#validation, this.#session]) await file.close()
      this.#context = undefined
    }
  }

  #files(): [EventFile, EventFile, EventFile] {
    const within = (name: string) => new EventFile(join(this.#folder, name))
    return [within('train'), within('validation'), within('')]
  }

  /** Writes what comes before the first values of a fit. */
  async #begin(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'begun'
    const { encodeSessionStart } = await loadEncoders()
    if (this.#hparams !== undefined) await this.#session.append([encodeSessionStart(this.#hparams)])
    await this.#train.append(await this.#graph())
  }

  async #endSession(status: 'success' | 'failure'): Promise<void> {
    if (this.#state !== 'begun') return
    this.#state = 'ended'
    const { encodeSessionEnd } = await loadEncoders()
    if (this.#hparams !== undefined) await this.#session.append([encodeSessionEnd(status)])
  }

  async #writeBatch(batch: number, logs: Logs, frequency: number): Promise<void> {
    if ((batch + 1) % frequency !== 0) return
    await this.#begin()
    const { encodeScalars } = await loadEncoders()
    const values = [...Object.entries(logs), ['learning_rate', this.#learningRate()] as const]
    const speed = this.#speedSince(this.#batchMark)
    this.#batchMark = this.#mark()
    await this.#train.append([encodeScalars(this.#batchMark.step, prefixed('batch_', [...values, ...speed]))])
  }

  #mark() {
    return { time: performance.now(), step: (this.#context as TrainingContext).model.position.step }
  }

  #learningRate(): number {
    const { optimizer, position } = (this.#context as TrainingContext).model
    return learningRateAt((optimizer as Optimizer).learningRate, position.step)
  }

  #speedSince(before: { readonly time: number; readonly step: number }): (readonly [string, number])[] {
    if (!this.#writeSpeed) return []
    const { time, step } = this.#mark()
    return [['steps_per_second', (1000 * (step - before.step)) / Math.max(time - before.time, 1e-6)]]
  }

  /** The histograms of an epoch, and the pictures. */
  async #weights(epoch: number): Promise<Buffer[]> {
    if (this.#histogramFreq === 0 || epoch % this.#histogramFreq !== 0) return []
    const { encodeHistogram, encodeImage } = await loadEncoders()
    const { weightImage } = await import('./weightImage.js')
    const { model } = this.#context as TrainingContext
    return model.getWeights().flatMap(({ name, shape, data }) => {
      const histogram = encodeHistogram(`${name}/histogram`, epoch, data)
      if (!this.#writeImages) return [histogram]
      const { width, height, png } = weightImage(shape, data)
      return [histogram, encodeImage(`${name}/image`, epoch, width, height, png)]
    })
  }

  async #graph(): Promise<Buffer[]> {
    if (!this.#writeGraph) return []
    const { kerasConfigOf } = await import('../interchange/keras/config.js')
    const { encodeKerasModel } = await loadEncoders()
    try {
      return [encodeKerasModel(kerasConfigOf(coreOf((this.#context as TrainingContext).model)).config)]
    } catch (error) {
      if (!(error instanceof NeurodeError)) throw error
      const text = `${argument}: the graph is left out, as TensorBoard draws what Keras has: ${error.message}`
      if (!this.#hasWarned) warn('NEURODE_LEFT_OUT', text)
      this.#hasWarned = true
      return []
    }
  }
}

function prefixed(prefix: string, values: readonly (readonly [string, number])[]): Record<string, number> {
  return Object.fromEntries(values.map(([key, value]) => [prefix + key, value]))
}

function checkHyperParameters(given: unknown): Readonly<Record<string, HyperParameter>> {
  const name = `${argument}: hparams`
  const entries = Object.entries(checkRecord(given, name, 'an object of numbers, texts and booleans'))
  for (const [key, value] of entries) {
    if (typeof value === 'number') checkDouble(value, `${name}.${key}`)
    else if (typeof value !== 'string' && typeof value !== 'boolean') {
      refuse(`${name}.${key}`, 'a number, a text or a boolean', value)
    }
  }
  return Object.fromEntries(entries) as Record<string, HyperParameter>
}
