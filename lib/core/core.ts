/** The internal state of a model: layers, compile settings, and the native model, which is made when it is first needed. */

import { type ArrayInput, formatShape, type GivenTargets, type InputRows } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import type { WarningCode } from '../base/warnings.js'
import { severalRanks } from '../distribution/join.js'
import type { Ranks } from '../distribution/ranks.js'
import { countParameters, type Layer, type Shape, type Weight } from '../layers/layer.js'
import { hostsOf, place } from '../layers/places.js'
import type { NativeEvaluateRange, NativeModel, NativeSums, NativeTrainRange } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Plan } from '../native/plan.js'
import { working, workingHere } from '../native/working.js'
import type { CallbackStates, StopReason } from '../training/context.js'
import { evaluateByRanks, type Sized, trainByRanks } from './byRanks.js'
import {
  type CompileSettings,
  checkNoneMissing,
  compileModel,
  setUpTraining,
  type TrainingSetup,
} from './compileModel.js'
import { type DeviceSettings, defaultDevice } from './devices.js'
import { checkOnce, type LayerStack, stackLayers } from './layerStack.js'
import { ModelStructure } from './modelStructure.js'
import { type Blueprint, NativeState, type StateArrays } from './nativeState.js'
import { startPosition, type TrainingPosition } from './position.js'
import type { ModelShapes } from './shapes.js'

/** The result of {@link ModelCore.readState}. */
export interface TrainingState extends StateArrays {
  readonly seed: number
  readonly epochsBegun: number
  readonly position: TrainingPosition
  readonly callbacks: CallbackStates
}

/** A model with at least this many parameters is made on another thread; for smaller ones the thread would take longer. */
const worthAThread = 2 ** 18

export class ModelCore extends ModelStructure implements Blueprint {
  /** Number of epochs begun so far; it seeds the shuffling if fit is called without a seed. */
  epochsBegun = 0
  /** Whether a fit is in progress. */
  fitting = false
  stopTraining = false
  disposed = false
  /** Why `stopTraining` was set. */
  stopReason: StopReason = 'stopped'
  /** Loss and metrics by key, one value per epoch, of the current or last fit. */
  history: ReadonlyMap<string, readonly number[]> | undefined
  /** How often running work was cancelled. */
  cancellations = 0
  /** The training position of the last fit, or of the loaded file. */
  position: TrainingPosition = startPosition
  /** Codes of warnings that were emitted since the model was compiled. */
  readonly warned = new Set<WarningCode>()
  /** Whether the model was examined for warnings since it was compiled, and how often data was. */
  advised = false
  looks = 0
  /** Some of the training rows, if their outputs are to be examined for warnings. */
  sample: InputRows | undefined
  /** Returns the states of the callbacks at `position`. */
  callbackStates: () => CallbackStates = () => ({})
  /** What a model around this one has its files hold beside layers and training, by name: parts of JSON. */
  beside: Readonly<Record<string, unknown>> = {}

  #settings: CompileSettings | undefined
  /** Whether `checkNoneMissing` has passed for the current settings. */
  #isComplete = false
  #training: TrainingSetup | undefined
  #ranks: Ranks | undefined
  #deviceSettings: DeviceSettings | undefined
  readonly #state = new NativeState(this)

  /** Number of optimizer steps taken. */
  get step(): number {
    return this.#state.step
  }

  set step(value: number) {
    this.#state.step = value
  }

  get settings(): CompileSettings | undefined {
    return this.#settings
  }

  /** Replaces the layers: names them, infers shapes, checks initial weights. If anything is wrong it throws and changes nothing. */
  setLayers(layers: readonly Layer[]): void {
    this.checkIdle('the layers cannot be changed')
    if (this.isPart) {
      const text = `model '${this.name}' is a layer of a graph, so its own layers cannot be changed`
      throw new NeurodeError('ERR_ARGUMENT', `${text}; make the model whole before it is applied`)
    }
    checkOnce(layers)
    this.adopt(stackLayers(layers, layers[0]?.inputShape, this))
  }

  /** Sets the shape of one row of input; does nothing if the model already has that shape. */
  build(inputShape: Shape): void {
    this.checkAlive()
    if (this.shapes !== undefined) {
      const built = formatShape(this.shapes.inputShape)
      if (built === formatShape(inputShape)) return
      throw new NeurodeError('ERR_SHAPE', `inputShape: expected ${built} as built, got ${formatShape(inputShape)}`)
    }
    if (this.layers.length === 0) this.notBuilt()
    this.adopt(stackLayers(this.layers, inputShape, this))
  }

  /** Sets loss, optimizer, metrics and device; the native model is made anew with the same weights. */
  compile(settings: CompileSettings, device: DeviceSettings): void {
    this.checkIdle('it cannot be compiled')
    const training = this.shapes && setUpTraining(settings, this.shapes)
    this.#settings = settings
    // Those that are joined now: what they compute is part of the Plan.
    this.#ranks = settings.distribution && severalRanks()
    this.#isComplete = false
    this.warned.clear()
    this.advised = false
    this.looks = 0
    this.#training = training
    this.#deviceSettings = device
    this.#state.change()
    // The optimizer state is reset, so training starts again at step 0.
    this.step = 0
    this.position = startPosition
    this.callbackStates = () => ({})
  }

  /** Sets the device of a model that is not compiled. */
  useDevice(device: DeviceSettings): void {
    this.#deviceSettings = device
  }

  override trainableChanges(): void {
    this.checkIdle('its layers cannot be frozen or unfrozen')
    this.#state.refreeze()
  }

  override sharesLayer(layer: Layer): void {
    this.#state.share(layer)
  }

  /** The device that the model was compiled for, or the default device. */
  get deviceSettings(): DeviceSettings {
    return this.#deviceSettings ?? { device: defaultDevice(), threads: 0, precision: 'float32' }
  }

  /** The model's shapes. Throws `ERR_NOT_BUILT` if its input shape is not known. */
  built(): ModelShapes {
    this.checkAlive()
    return this.shapes ?? this.notBuilt()
  }

  /** The model's losses and metrics. Throws `ERR_NOT_COMPILED` or `ERR_NOT_BUILT`. */
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

  /** The native model. It is made on first use, and made anew with the same weights if it is out of date. */
  native(): NativeModel {
    return this.#state.get()
  }

  /** A native model of another Plan over the same parameters, see {@link NativeState.sibling}. */
  sibling(purpose: string, plan: () => Plan): NativeModel {
    return this.#state.sibling(purpose, plan)
  }

  /** The ranks that train the model together, where there are several. */
  get ranks(): Ranks | undefined {
    return this.#ranks
  }

  /** Whether this process prints, writes files and serves pages: of several ranks the first does. */
  get isFirst(): boolean {
    return (this.ranks?.cluster.rank ?? 0) === 0
  }

  /** Trains on a range of batches. Models that share layers get their new weights. */
  train(range: NativeTrainRange & Sized): Promise<NativeSums> {
    const { ranks } = this
    const train = () => {
      const model = this.native()
      this.trains()
      return working(model, (here) => model.train(range, here && ranks === undefined))
    }
    return ranks === undefined ? train() : trainByRanks(ranks, range, train)
  }

  /** Trains on several epochs, see {@link NativeModel.trainEpochs}. */
  trainEpochs(range: NativeTrainRange, epochs: number): Promise<Float64Array> {
    const model = this.native()
    this.trains()
    return model.trainEpochs(range, epochs)
  }

  /** Trains on one batch at once. Undefined if that is not quick, or the model is busy. */
  trainHere(input: InputRows, targets: GivenTargets, learningRate: number): Promise<NativeSums> | undefined {
    if (this.ranks !== undefined) return undefined
    const model = this.native()
    this.trains()
    return workingHere(model, () => model.trainHere(input, targets, learningRate))
  }

  /** Evaluates a range of batches. */
  evaluate(range: NativeEvaluateRange & Sized): Promise<NativeSums> {
    const { ranks } = this
    const evaluate = (own: NativeEvaluateRange) => {
      const model = this.native()
      return working(model, (here) => model.evaluate(own, here))
    }
    return ranks === undefined ? evaluate(range) : evaluateByRanks(ranks, range, evaluate)
  }

  /** Evaluates on one batch at once. Undefined if that is not quick, or the model is busy. */
  evaluateHere(input: InputRows, targets: GivenTargets): Promise<NativeSums> | undefined {
    if (this.ranks !== undefined) return undefined
    const model = this.native()
    return workingHere(model, () => model.evaluateHere(input, targets))
  }

  /** Predicts rows into `out`. */
  predict(input: InputRows, out: Float32Array): Promise<void> {
    const model = this.native()
    return working(model, (here) => model.predict(input, out, here))
  }

  /** To be called before a native model changes weights, so that models that share layers get the new ones. */
  trains(): void {
    this.#state.trains()
  }

  plan(training = this.#training): Plan {
    return {
      ...compileModel(this.built(), this, training, this.#ranks?.cluster),
      precision: this.deviceSettings.precision,
    }
  }

  get isCompiled(): boolean {
    return this.#training !== undefined
  }

  get keepsAverages(): boolean {
    return this.#training?.settings.optimizer.update.useEma === true
  }

  /** The native model if it exists and is up to date, for the fast path of predictSync. */
  get ready(): NativeModel | undefined {
    return this.fitting ? undefined : this.#state.ready
  }

  override readWeights(layer?: Layer): Weight[] {
    this.checkAlive()
    return this.#state.read(layer)
  }

  override writeWeights(layer: Layer | undefined, values: readonly ArrayInput[]): void {
    this.checkNotRunning('its weights cannot be written')
    this.#state.write(layer, values)
  }

  /** Copies weights, optimizer variables and counters; may be called between batches. */
  readState(): TrainingState {
    this.checkNotRunning('its state cannot be read')
    const { seed, epochsBegun, position } = this
    return { ...this.#state.readArrays(), seed, epochsBegun, position, callbacks: this.callbackStates() }
  }

  /** Restores a state that {@link readState} returned; its arrays must have the model's shapes. */
  writeState(state: TrainingState): void {
    this.checkNotRunning('its state cannot be replaced')
    if (state.seed !== this.seed) {
      // The Plan contains seeds derived from this one.
      this.seed = state.seed
      this.#state.reseed()
    }
    this.#state.writeArrays(state)
    this.#takeCounters(state)
  }

  /** Like {@link writeState}, for a model that is being loaded. A large native model is made on another thread. */
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

  /** Replaces the weights by their moving averages if the optimizer keeps them, as Keras does when fit ends. */
  finalizeAverages(): void {
    this.#state.finalizeAverages()
  }

  /** Undoes {@link finalizeAverages} when training continues, unless the weights were changed in between. */
  undoAverages(): void {
    this.#state.undoAverages()
  }

  /** Number of optimizer variables for each parameter. */
  get slotCount(): number {
    return this.isCompiled ? native().countSlots(this.plan()) : 0
  }

  countParameters(): number {
    return this.built().layers.reduce((sum, { parameters }) => sum + countParameters(parameters), 0)
  }

  checkAlive(): void {
    if (this.disposed) throw new NeurodeError('ERR_DISPOSED', `model '${this.name}' was disposed`)
  }

  /** Throws `ERR_MODEL_BUSY` while batches run. In callbacks of fit no batch runs, so the check passes. */
  checkNotRunning(what: string, advice?: string): void {
    this.checkAlive()
    if (this.fitting && this.#state.isBusy) throw this.busyError(what, advice)
  }

  /** Throws `ERR_MODEL_BUSY` while a fit is in progress or native work is queued. */
  checkIdle(what: string): void {
    this.checkAlive()
    if (this.fitting || this.#state.isBusy) throw this.busyError(what)
  }

  busyError(what: string, advice = ''): NeurodeError {
    const doing = this.fitting ? 'is training' : 'is working'
    return new NeurodeError('ERR_MODEL_BUSY', `model '${this.name}' ${doing}: ${what} until that has ended${advice}`)
  }

  /** Stops running work after the current batch. */
  cancel(): void {
    this.cancellations++
    this.#state.cancel()
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.cancel()
    this.#state.dispose()
    for (const layer of this.stack.places.keys()) if (hostsOf(layer).length > 1) place(layer, this, undefined)
  }

  /** Takes over a new stack of layers. It changes nothing if it throws. */
  protected override adopt(stack: LayerStack): void {
    const training = stack.shapes && this.#settings && setUpTraining(this.#settings, stack.shapes)
    this.#state.leave((layer) => !stack.places.has(layer))
    this.replaceStack(stack)
    this.#training = training
    this.advised = false
    this.#state.change()
  }

  protected override notBuilt(): never {
    const hint =
      this.layers.length === 0
        ? 'it has no layers'
        : 'give its first layer an inputShape, call build(inputShape), or begin with layers.input({ shape })'
    throw new NeurodeError('ERR_NOT_BUILT', `model '${this.name}' is not built: ${hint}`)
  }
}
