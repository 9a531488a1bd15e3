/** Loads models from files. */

import { NeurodeError } from '../base/errors.js'
import { checkInteger, checkName, checkOptions, readingFile, refuse, refuseIdle } from '../checks/validate.js'
import type { CompileSettings } from '../core/compileModel.js'
import type { ModelCore } from '../core/core.js'
import { coreOf } from '../core/cores.js'
import { checkPrecision, chooseDevice, type DeviceName, deviceFor } from '../core/devices.js'
import { readAnyModel } from '../interchange/readers.js'
import type { Precision } from '../native/plan.js'
import {
  checkLosses,
  type GivenAgain,
  isRateFunction,
  makeDistribution,
  makeHeads,
  makeOptimizer,
  object,
} from '../persistence/description.js'
import { type ModelFile, sensible, stateOf } from '../persistence/modelFile.js'
import { type CustomLosses, type CustomMetrics, toCustomParts } from '../training/customParts.js'
import type { LearningRate } from '../training/optimizers.js'
import type { Functional } from './functional.js'
import { makeModel } from './loadStructure.js'
import type { Sequential } from './sequential.js'

/** Options of {@link load}. */
export interface LoadOptions {
  /** The device to run on; default `auto`, whatever device the model was saved on. */
  readonly device?: DeviceName | undefined
  /** Precision of large matrix products; default `float32`, as files do not record the precision. */
  readonly precision?: Precision | undefined
  /** Number of CPU threads, a positive integer; default as for {@link Sequential.compile}. */
  readonly threads?: number | undefined
  /** Replaces the learning rate in the file; required if that was a function. */
  readonly learningRate?: LearningRate | undefined
  /**
   * Custom losses that the model may have been compiled with: a list of results of {@link losses}.custom, or their `compute`
   * functions by name. A model whose custom loss is not given can still predict, be served and be saved; training and evaluating
   * it rejects with `ERR_NOT_COMPILED`.
   */
  readonly losses?: CustomLosses | undefined
  /** Custom metrics, likewise: a list of results of {@link metrics}.custom, or their `rows` functions by name. */
  readonly metrics?: CustomMetrics | undefined
  /**
   * Names of the outputs that are wanted, of an ONNX model; at least one. What only other outputs need is not read, so that it may
   * hold what no layer computes. Default: all outputs of floating-point numbers. Other formats take no such option.
   */
  readonly outputs?: readonly string[] | undefined
}

/** The layers of a model file, and what the file holds. */
export interface LoadedLayers {
  readonly file: ModelFile
  /** The model with the layers alone: it has no weights of the file. */
  readonly model: Sequential | Functional
  readonly core: ModelCore
  readonly weights: readonly Float32Array[]
}

const optionNames = ['device', 'threads', 'precision', 'learningRate', 'losses', 'metrics', 'outputs']

/** Loads a model file of any format, and what it holds. */
export async function loadFile(
  path: string | URL,
  given?: LoadOptions,
): Promise<{ readonly file: ModelFile; readonly model: Sequential | Functional }> {
  const options = checkOptions(given, optionNames, 'load')
  const chosen = chooseDevice(options.device)
  const threads = options.threads === undefined ? 0 : checkInteger(options.threads, 'threads')
  // Wrong options are an error before the file is read.
  checkPrecision(options.precision, chosen)
  const again = { learningRate: options.learningRate, ...toCustomParts(options) }
  const file = await readAnyModel(path, { outputs: checkOutputs(options.outputs) })
  const settings = settingsOf(file, again)
  const device = deviceFor(settings?.distribution, chosen)
  const precision = checkPrecision(options.precision, device)
  if (settings === undefined) refuseIdle(options, ['learningRate'], 'load', 'for a model that was not compiled')
  const model = describedModel(file)
  const core = coreOf(model)
  try {
    if (settings === undefined) core.useDevice({ device, threads, precision })
    else sensible(file.path, () => readingFile(() => core.compile(settings, { device, threads, precision })))
    await core.open(stateOf(file, core))
  } catch (error) {
    model.dispose()
    throw blameFile(error)
  }
  const { tabular } = file.description
  if (tabular !== undefined) core.beside = { tabular }
  return { file, model }
}

/** Names of wanted outputs: a list of different texts. */
function checkOutputs(given: unknown): readonly string[] | undefined {
  if (given === undefined) return undefined
  if (!Array.isArray(given) || given.length === 0) return refuse('outputs', 'a list of at least one name', given)
  const names = Array.from(given, (name, i) => checkName(name, `outputs[${i}]`))
  return new Set(names).size === names.length ? names : refuse('outputs', 'different names', names)
}

function settingsOf({ path, description: { training } }: ModelFile, given: GivenAgain): CompileSettings | undefined {
  if (training === undefined) return undefined
  const isCallers = given.learningRate !== undefined || sensible(path, () => isRateFunction(training))
  const heads = sensible(path, () => readingFile(() => makeHeads(training, given)))
  checkLosses(training, given)
  // If the learning rate is missing or the caller passed a wrong one, the error must not blame the file.
  const make = () => readingFile(() => makeOptimizer(training, given))
  const distribution = sensible(path, () => makeDistribution(training))
  return { optimizer: isCallers ? make() : sensible(path, make), heads, distribution }
}

/** Loads the layers and weights of a model file, which is all that inference needs; compile settings are not read. */
export async function loadForInference(path: string): Promise<LoadedLayers> {
  const file = await readAnyModel(path)
  const model = describedModel(file)
  const core = coreOf(model)
  try {
    return { file, model, core, weights: stateOf(file, core).weights.map(({ data }) => data) }
  } catch (error) {
    throw blameFile(error)
  }
}

/** Turns a mismatch between weights and layers into `ERR_FILE_FORMAT`, as both come from the same file. */
function blameFile(error: unknown): unknown {
  if (!(error instanceof NeurodeError)) return error
  if (error.code !== 'ERR_SHAPE' && error.code !== 'ERR_CHECKPOINT_MISMATCH') return error
  return new NeurodeError('ERR_FILE_FORMAT', error.message, { cause: error })
}

function describedModel({ path, description }: ModelFile): Sequential | Functional {
  return sensible(path, () => {
    const seed = checkInteger(object(description.state, 'state').seed, 'seed', 0)
    return makeModel(object(description.model, 'model'), seed)
  })
}
