/** The state behind a model: its layers, what it was compiled with, and its native model, made when first needed. */

import { type ArrayInput, formatShape, type GivenTargets, type InputRows, type TargetRows } from '../arrays/arrays.js'
import { toOneHot, toPlainTargets, toTargets } from '../arrays/targets.js'
import { NeurodeError } from '../base/errors.js'
import type { WarningCode } from '../base/warnings.js'
import { countParameters, type Layer, type LayerHost, type Shape, type Weight } from '../layers/layer.js'
import type { NativeModel } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Plan } from '../native/plan.js'
import type { CallbackStates, StopReason } from '../training/context.js'
import {
  type CompileSettings,
  checkNoneMissing,
  compileModel,
  type ModelShapes,
  setUpTraining,
  type TrainingSetup,
} from './compileModel.js'
import { type DeviceSettings, defaultDevice } from './devices.js'
import { checkUnplaced, type LayerStack, noLayers, placeLayers, stackLayers } from './layerStack.js'
import { type Blueprint, NativeState, type StateArrays } from './nativeState.js'
import { startPosition, type TrainingPosition } from './position.js'
import {
  type Classes,
  type ClassWeights,
  classesOf,
  readWeights,
  type WeightOptions,
  weighTargets,
} from './rowWeights.js'

/** Weights of rows as they were given, and what messages call them. */
export interface WeightsGiven extends Pick<WeightOptions, 'sampleWeight'> {
  readonly classWeight?: ClassWeights | undefined
  readonly weightArgument?: string | undefined
}

/** What {@link ModelCore.readState} gives. */
export interface TrainingState extends StateArrays {
  readonly seed: number
  readonly epochsBegun: number
  readonly position: TrainingPosition
  readonly callbacks: CallbackStates
}

/** Parameters that are set in less time than it takes to have another thread do it. */
const worthAThread = 2 ** 18

export class ModelCore implements LayerHost, Blueprint {
  readonly name: string
  seed: number
  /** Epochs begun so far: what a shuffle draws from when fit has no seed of its own. */
  epochsBegun = 0
  /** A fit is in progress. */
  fitting = false
  stopTraining = false
  disposed = false
  /** Why `stopTraining` was set. */
  stopReason: StopReason = 'stopped'
  /** Loss and metrics by key, epoch by epoch, of the fit that runs or ran last. */
  history: ReadonlyMap<string, readonly number[]> | undefined
  /** How often ranges in flight were cancelled. */
  cancellations = 0
  /** Where the last fit was, or the file that was loaded. */
  position: TrainingPosition = startPosition
  /** What was warned of since it was compiled. */
  readonly warned = new Set<WarningCode>()
  /** Whether the model itself was looked at since, and how often data was. */
  advised = false
  looks = 0
  /** Some of the rows that were bound, where their outputs are to be looked at. */
  sample: InputRows | undefined
  /** The states of the callbacks at that position. */
  callbackStates: () => CallbackStates = () => ({})

  #stack: LayerStack = noLayers
  #settings: CompileSettings | undefined
  /** It was looked whether the settings lack a loss or a metric of the user's, and they do not. */
  #isComplete = false
  #training: TrainingSetup | undefined
  #deviceSettings: DeviceSettings | undefined
  readonly #state = new NativeState(this)

  constructor(name: string, seed: number) {
    this.name = name
    this.seed = seed
  }

  get stack(): LayerStack {
    return this.#stack
  }

  get layers(): readonly Layer[] {
    return this.#stack.layers
  }

  get shapes(): ModelShapes | undefined {
    return this.#stack.shapes
  }

  /** Optimizer steps taken. */
  get step(): number {
    return this.#state.step
  }

  set step(value: number) {
    this.#state.step = value
  }

  get settings(): CompileSettings | undefined {
    return this.#settings
  }

  /** Replaces the layers: names them, works out shapes, checks initial weights. Nothing changes if something is wrong. */
  setLayers(layers: readonly Layer[]): void {
    this.checkIdle('the layers cannot be changed')
    checkUnplaced(layers, this)
    this.#adopt(layers, layers[0]?.inputShape)
  }

  /** Fixes the shape of one row of input; does nothing if it is that shape already. */
  build(inputShape: Shape): void {
    this.checkAlive()
    if (this.shapes !== undefined) {
      const built = formatShape(this.shapes.inputShape)
      if (built === formatShape(inputShape)) return
      throw new NeurodeError('ERR_SHAPE', `inputShape: expected ${built} as built, got ${formatShape(inputShape)}`)
    }
    if (this.layers.length === 0) this.#notBuilt()
    this.#adopt(this.layers, inputShape)
  }

  /** Remembers loss, optimizer and metrics; the native model is made anew, with the weights it has. */
  compile(settings: CompileSettings, device: DeviceSettings): void {
    this.checkIdle('it cannot be compiled')
    const training = this.shapes && setUpTraining(settings, this.shapes)
    this.#settings = settings
    this.#isComplete = false
    this.warned.clear()
    this.advised = false
    this.looks = 0
    this.#training = training
    this.#deviceSettings = device
    this.#state.change()
    // The optimizer begins anew, and with it the training.
    this.step = 0
    this.position = startPosition
    this.callbackStates = () => ({})
  }

  /** Where a model works that is not compiled. */
  useDevice(device: DeviceSettings): void {
    this.#deviceSettings = device
  }

  trainableChanges(): void {
    this.checkIdle('its layers cannot be frozen or set free')
    this.#state.refreeze()
  }

  /** What it was compiled for, else the default device. */
  get deviceSettings(): DeviceSettings {
    return this.#deviceSettings ?? { device: defaultDevice(), threads: 0, precision: 'float32' }
  }

  /** Shapes, or `ERR_NOT_BUILT`. */
  built(): ModelShapes {
    this.checkAlive()
    return this.shapes ?? this.#notBuilt()
  }

  /** Loss and metrics for this model, or `ERR_NOT_COMPILED` or `ERR_NOT_BUILT`. */
  training(): TrainingSetup {
    this.checkCompiled()
    this.built()
    return this.#training as TrainingSetup
  }

  checkCompiled(): void {
    this.checkAlive()
    if (this.#settings === undefined) {
      const text = `model '${this.name}' was not compiled: call compile({ optimizer, loss }) before`
      throw new NeurodeError('ERR_NOT_COMPILED', text)
    }
    if (!this.#isComplete) checkNoneMissing(this.name, this.#settings)
    this.#isComplete = true
  }

  /** Targets of all kinds that loss and metrics read, with the weights of rows and classes. */
  readTargets(value: unknown, rows: number, argument: string, weights: WeightsGiven = {}): GivenTargets {
    const targets = this.#readTargets(value, rows, argument)
    const { sampleWeight, classWeight, weightArgument = 'sampleWeight' } = weights
    const own = readWeights(sampleWeight, rows, weightArgument, this.positionShape())
    return this.weighTargets(targets, own, classWeight)
  }

  /** Targets with the product of all weights. Only those of classes read the targets themselves. */
  weighTargets(targets: GivenTargets, own: Float32Array | undefined, classes: ClassWeights | undefined): GivenTargets {
    if (own === undefined && classes === undefined) return targets
    const read = classes === undefined ? (targets as TargetRows) : toPlainTargets(targets)
    const { weights } = weighTargets(read, this.classes(), own, classes)
    return { ...targets, weights }
  }

  /** The classes that targets can be of. */
  classes(): Classes {
    return classesOf(this.built().outputs, this.training().settings.loss.targetRange)
  }

  /** Dimensions of an output before the last one. */
  positionShape(): Shape {
    return this.built().outputShape.slice(0, -1)
  }

  #readTargets(value: unknown, rows: number, argument: string): GivenTargets {
    const { targets: expected, oneHot, settings } = this.training()
    const { outputSize, outputs } = this.built()
    const ignoreClass = settings.loss.options.ignoreClass as number | undefined
    const positionShape = this.positionShape()
    const targets = toTargets(value, { outputs, positionShape, ...expected, ignoreClass }, argument)
    if (targets.rows !== rows) {
      const text = `${argument}: expected ${rows} rows, as many as the input has, got ${targets.rows}`
      const onePerRow = targets.kind === 'rows' && outputSize > 1 && targets.data.length === rows
      const hint = `; class indices go with a categorical crossentropy, this loss takes ${outputSize} values per row`
      throw new NeurodeError('ERR_SHAPE', onePerRow ? text + hint : text)
    }
    if (targets.kind === 'rows' || !oneHot) return targets
    const data = toOneHot(targets.data, outputs)
    return { kind: 'rows', data, rows, weights: targets.weights, lent: false }
  }

  /** The native model; made, or made anew with the same weights, when needed. */
  native(): NativeModel {
    return this.#state.get()
  }

  plan(): Plan {
    return {
      ...compileModel(this.built(), this.seed, this.#training),
      precision: this.deviceSettings.precision,
    }
  }

  get isCompiled(): boolean {
    return this.#training !== undefined
  }

  get keepsAverages(): boolean {
    return this.#training?.settings.optimizer.update.useEma === true
  }

  /** The native model if it is there and up to date: the fast path of predictSync. */
  get ready(): NativeModel | undefined {
    return this.fitting ? undefined : this.#state.ready
  }

  readWeights(layer?: Layer): Weight[] {
    this.checkAlive()
    return this.#state.read(layer)
  }

  writeWeights(layer: Layer | undefined, values: readonly ArrayInput[]): void {
    this.checkNotRunning('its weights cannot be written')
    this.#state.write(layer, values)
  }

  /** Weights, optimizer variables and counters, as they are between batches. */
  readState(): TrainingState {
    this.checkNotRunning('its state cannot be read')
    const { seed, epochsBegun, position } = this
    return { ...this.#state.readArrays(), seed, epochsBegun, position, callbacks: this.callbackStates() }
  }

  /** Takes over a state whose arrays fit; see {@link readState}. */
  writeState(state: TrainingState): void {
    this.checkNotRunning('its state cannot be replaced')
    if (state.seed !== this.seed) {
      // The Plan has seeds derived from it.
      this.seed = state.seed
      this.#state.reseed()
    }
    this.#state.writeArrays(state)
    this.#takeCounters(state)
  }

  /** {@link writeState} for a model that nobody has yet, with the seed of the state: another thread makes a large native model. */
  async open(state: TrainingState): Promise<void> {
    if (this.countParameters() < worthAThread) return this.writeState(state)
    await this.#state.open(state)
    this.#takeCounters(state)
  }

  #takeCounters({ epochsBegun, position, callbacks }: TrainingState): void {
    this.epochsBegun = epochsBegun
    this.position = position
    this.callbackStates = () => callbacks
  }

  /** Weights become their averages, where the optimizer keeps any: Keras does so when fit ends. */
  finalizeAverages(): void {
    this.#state.finalizeAverages()
  }

  /** Undoes {@link finalizeAverages} for a training that goes on, unless the weights were changed since. */
  undoAverages(): void {
    this.#state.undoAverages()
  }

  /** Optimizer variables that every parameter has. */
  get slotCount(): number {
    return this.isCompiled ? native().countSlots(this.plan()) : 0
  }

  countParameters(): number {
    return this.built().layers.reduce((sum, { parameters }) => sum + countParameters(parameters), 0)
  }

  checkAlive(): void {
    if (this.disposed) throw new NeurodeError('ERR_DISPOSED', `model '${this.name}' was disposed`)
  }

  /** Refuses while a fit is running batches; between its ranges, as in its callbacks, it lets through. */
  checkNotRunning(what: string, advice?: string): void {
    this.checkAlive()
    if (this.fitting && this.#state.isBusy) throw this.busyError(what, advice)
  }

  /** Refuses while a fit is in progress or native work is queued. */
  checkIdle(what: string): void {
    this.checkAlive()
    if (this.fitting || this.#state.isBusy) throw this.busyError(what)
  }

  busyError(what: string, advice = ''): NeurodeError {
    const doing = this.fitting ? 'is training' : 'is working'
    return new NeurodeError('ERR_MODEL_BUSY', `model '${this.name}' ${doing}: ${what} until that has ended${advice}`)
  }

  /** Ends running ranges after their current batch. */
  cancel(): void {
    this.cancellations++
    this.#state.cancel()
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.cancel()
    this.#state.dispose()
  }

  /** Nothing is changed where something is wrong. */
  #adopt(layers: readonly Layer[], inputShape: Shape | undefined): void {
    const stack = stackLayers(layers, inputShape)
    const training = stack.shapes && this.#settings && setUpTraining(this.#settings, stack.shapes)
    placeLayers(this, this.#stack, stack)
    this.#stack = stack
    this.#training = training
    this.advised = false
    this.#state.change()
  }

  #notBuilt(): never {
    const hint =
      this.layers.length === 0
        ? 'it has no layers'
        : 'give its first layer an inputShape, call build(inputShape), or begin with layers.input({ shape })'
    throw new NeurodeError('ERR_NOT_BUILT', `model '${this.name}' is not built: ${hint}`)
  }
}
