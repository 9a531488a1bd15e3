/** The state behind a model: its layers, what it was compiled with, and its native model, made when first needed. */

import { type ArrayInput, formatShape, type GivenTargets, type InputRows, type TargetRows } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import { toOneHot, toPlainTargets, toTargets } from '../arrays/targets.js'
import { NeurodeError } from '../base/errors.js'
import type { WarningCode } from '../base/warnings.js'
import {
  countParameters,
  defaultName,
  type Layer,
  type LayerHost,
  type ParameterSpec,
  place,
  placementOf,
  type Shape,
  type Weight,
  withNames,
} from '../layers/layer.js'
import { type NativeModel, native, type Plan, type Precision } from '../native/native.js'
import type { CallbackStates, StopReason } from '../training/context.js'
import {
  type CompileSettings,
  checkNoneMissing,
  compileModel,
  inferShapes,
  type ModelShapes,
  setUpTraining,
  type TrainingSetup,
} from './compileModel.js'
import { defaultDevice } from './devices.js'
import { startPosition, type TrainingPosition } from './position.js'
import {
  type Classes,
  type ClassWeights,
  classesOf,
  readWeights,
  type WeightOptions,
  weighTargets,
} from './rowWeights.js'
import { checkOrder, toParameters } from './weights.js'

/** Weights of rows as they were given, and what messages call them. */
export interface WeightsGiven extends Pick<WeightOptions, 'sampleWeight'> {
  readonly classWeight?: ClassWeights | undefined
  readonly weightArgument?: string | undefined
}

/** Where a model runs: the device's name and the number of threads, 0 for the default. */
export interface DeviceSettings {
  readonly device: string
  readonly threads: number
  readonly precision: Precision
}

/** What {@link ModelCore.readState} gives. */
export interface TrainingState {
  readonly weights: readonly { readonly name: string; readonly shape: Shape; readonly data: Float32Array }[]
  /** By slot, then by weight; nothing for weights that no optimizer changes. */
  readonly slots: readonly (readonly (Float32Array | undefined)[])[]
  /** By weight: those that fit has replaced by their averages, as training left them. Empty where it has not. */
  readonly trained: readonly (Float32Array | undefined)[]
  readonly seed: number
  readonly step: number
  readonly epochsBegun: number
  readonly position: TrainingPosition
  readonly callbacks: CallbackStates
}

/** Parameters that are set in less time than it takes to have another thread do it. */
const worthAThread = 2 ** 18

const noneTrained = { step: 0, weights: [] }

interface Slot {
  readonly layer: Layer
  readonly parameter: ParameterSpec
}

export class ModelCore implements LayerHost {
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
  /** Optimizer steps taken. */
  step = 0
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

  #layers: readonly Layer[] = []
  #shapes: ModelShapes | undefined
  #settings: CompileSettings | undefined
  /** It was looked whether the settings lack a loss or a metric of the user's, and they do not. */
  #isComplete = false
  #training: TrainingSetup | undefined
  #deviceSettings: DeviceSettings | undefined
  #initialWeights: ReadonlyMap<Layer, readonly Float32Array[]> = new Map()
  #native: NativeModel | undefined
  #slots: readonly Slot[] = []
  #stale = false
  /** The native model is stale only because layers were frozen or set free: the optimizer's state stays. */
  #keepsState = false
  /** By parameter: weights as training left them, where they are averages now, and the step at which they became so. */
  #trained: { readonly step: number; readonly weights: TrainingState['trained'] } = noneTrained
  /** Layers that the native model does not train. */
  #frozen: ReadonlySet<Layer> = new Set()

  constructor(name: string, seed: number) {
    this.name = name
    this.seed = seed
  }

  get layers(): readonly Layer[] {
    return this.#layers
  }

  get shapes(): ModelShapes | undefined {
    return this.#shapes
  }

  get settings(): CompileSettings | undefined {
    return this.#settings
  }

  /** Replaces the layers: names them, works out shapes, checks initial weights. Nothing changes if something is wrong. */
  setLayers(layers: readonly Layer[]): void {
    this.checkIdle('the layers cannot be changed')
    for (const [i, layer] of layers.entries()) {
      const owner = placementOf(layer)?.host
      if (layers.indexOf(layer) !== i || (owner !== undefined && owner !== this)) {
        const other = owner === undefined || owner === this ? 'this model' : `model '${owner.name}'`
        const text = `layers[${i}]: layer '${layer.name}' is part of ${other} already`
        throw new NeurodeError(
          'ERR_ARGUMENT',
          `${text}; make a new layer, then copy weights where they should be equal`,
        )
      }
    }
    this.#adopt(layers, layers[0]?.inputShape)
  }

  /** Fixes the shape of one row of input; does nothing if it is that shape already. */
  build(inputShape: Shape): void {
    this.checkAlive()
    if (this.#shapes !== undefined) {
      if (formatShape(this.#shapes.inputShape) === formatShape(inputShape)) return
      const built = formatShape(this.#shapes.inputShape)
      throw new NeurodeError('ERR_SHAPE', `inputShape: expected ${built} as built, got ${formatShape(inputShape)}`)
    }
    if (this.#layers.length === 0) throw this.#notBuilt()
    this.#adopt(this.#layers, inputShape)
  }

  /** Remembers loss, optimizer and metrics; the native model is made anew, with the weights it has. */
  compile(settings: CompileSettings, device: DeviceSettings): void {
    this.checkIdle('it cannot be compiled')
    const training = this.#shapes && setUpTraining(settings, this.#shapes)
    this.#settings = settings
    this.#isComplete = false
    this.warned.clear()
    this.advised = false
    this.looks = 0
    this.#training = training
    this.#deviceSettings = device
    this.#trained = noneTrained
    this.#stale = true
    this.#keepsState = false
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
    if (this.#native === undefined || this.#stale) return
    this.#stale = true
    this.#keepsState = true
  }

  /** What it was compiled for, else the default device. */
  get deviceSettings(): DeviceSettings {
    return this.#deviceSettings ?? { device: defaultDevice(), threads: 0, precision: 'float32' }
  }

  /** Shapes, or `ERR_NOT_BUILT`. */
  built(): ModelShapes {
    this.checkAlive()
    if (this.#shapes === undefined) throw this.#notBuilt()
    return this.#shapes
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
    if (this.#native !== undefined && !this.#stale) return this.#native
    const next = native().createModel(this.#plan(), this.deviceSettings)
    const slots = slotsOf(this.built())
    try {
      this.#fill(next, slots)
      if (this.#keepsState) this.#fillState(next, slots)
    } catch (error) {
      next.dispose()
      throw error
    }
    if (!this.#keepsState) this.step = 0
    this.#take(next, slots)
    return next
  }

  #plan(): Plan {
    return {
      ...compileModel(this.built(), this.seed, this.#training),
      precision: this.deviceSettings.precision,
    }
  }

  #take(next: NativeModel, slots: readonly Slot[]): void {
    this.#native?.dispose()
    this.#native = next
    this.#slots = slots
    this.#stale = this.#keepsState = false
    this.#frozen = new Set(this.#layers.filter(({ trainable }) => !trainable))
  }

  /** {@link writeState} for a model that nobody has yet, with the seed of the state: another thread makes a large native model. */
  async open(state: TrainingState): Promise<void> {
    if (this.countParameters() < worthAThread) return this.writeState(state)
    const weights = state.weights.map(({ data }) => data)
    this.#take(await native().openModel(this.#plan(), this.deviceSettings, weights, state.slots), slotsOf(this.built()))
    this.#takeCounters(state)
  }

  /** The native model if it is there and up to date: the fast path of predictSync. */
  get ready(): NativeModel | undefined {
    return this.#stale || this.fitting ? undefined : this.#native
  }

  readWeights(layer?: Layer): Weight[] {
    this.checkAlive()
    const model = this.native()
    return this.#slotsOf(layer).map(({ slot, index }) =>
      shapedArray(model.getParameter(index), slot.parameter.shape, {
        name: `${slot.layer.name}/${slot.parameter.name}`,
        dtype: 'float32',
      }),
    )
  }

  writeWeights(layer: Layer | undefined, values: readonly ArrayInput[]): void {
    this.checkNotRunning('its weights cannot be written')
    const model = this.native()
    const slots = this.#slotsOf(layer)
    const specs = slots.map(({ slot }) => ({ ...slot.parameter, name: `${slot.layer.name}/${slot.parameter.name}` }))
    const arrays = toParameters(values, specs, 'weights')
    checkOrder(values, specs)
    slots.forEach(({ index }, i) => {
      model.setParameter(index, arrays[i] as Float32Array)
    })
  }

  /** Weights, optimizer variables and counters, as they are between batches. */
  readState(): TrainingState {
    this.checkNotRunning('its state cannot be read')
    const weights = this.readWeights()
    const model = this.native()
    const slots = Array.from({ length: this.#training === undefined ? 0 : model.slots }, (_, slot) =>
      model.parameters.map(({ trainable }, index) => (trainable ? model.getSlot(slot, index) : undefined)),
    )
    const { seed, step, epochsBegun, position } = this
    const trained = this.#trainedWeights()
    return { weights, slots, trained, seed, step, epochsBegun, position, callbacks: this.callbackStates() }
  }

  /** Takes over a state whose arrays fit; see {@link readState}. */
  writeState(state: TrainingState): void {
    this.checkNotRunning('its state cannot be replaced')
    if (state.seed !== this.seed) {
      // The Plan has seeds derived from it.
      this.seed = state.seed
      this.#stale = true
      this.#keepsState = false
    }
    const model = this.native()
    state.weights.forEach(({ data }, index) => {
      model.setParameter(index, data)
    })
    state.slots.forEach((arrays, slot) => {
      arrays.forEach((data, index) => {
        if (data !== undefined) model.setSlot(slot, index, data)
      })
    })
    this.#takeCounters(state)
  }

  #takeCounters(state: TrainingState): void {
    this.native().step = this.step = state.step
    this.#trained = { step: state.step, weights: state.trained }
    this.epochsBegun = state.epochsBegun
    this.position = state.position
    const { callbacks } = state
    this.callbackStates = () => callbacks
  }

  /** Weights become their averages, where the optimizer keeps any: Keras does so when fit ends. */
  finalizeAverages(): void {
    if (!this.#keepsAverages || this.step === 0) return
    const model = this.native()
    const weights = this.#slots.map(({ layer, parameter: { trainable = true } }, index) => {
      if (!trainable || this.#frozen.has(layer)) return undefined
      const trained = model.getParameter(index)
      model.setParameter(index, model.getSlot(model.slots - 1, index))
      return trained
    })
    this.#trained = { step: this.step, weights }
  }

  /** Undoes {@link finalizeAverages} for a training that goes on, unless the weights were changed since. */
  undoAverages(): void {
    const model = this.native()
    this.#trainedWeights().forEach((data, index) => {
      if (data !== undefined && this.#slots[index]?.layer.trainable) model.setParameter(index, data)
    })
    this.#trained = noneTrained
  }

  /** What training left, where the weights are still the averages that they became. */
  #trainedWeights(): TrainingState['trained'] {
    const { step, weights } = this.#trained
    if (!this.#keepsAverages || step !== this.step) return []
    const model = this.native()
    const isAverage = (data: Float32Array | undefined, index: number) =>
      data === undefined || sameBits(model.getParameter(index), model.getSlot(model.slots - 1, index))
    return weights.every(isAverage) ? weights : []
  }

  get #keepsAverages(): boolean {
    return this.#training?.settings.optimizer.update.useEma === true
  }

  /** Optimizer variables that every parameter has. */
  get slotCount(): number {
    return this.#training === undefined ? 0 : native().countSlots(this.#plan())
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
    if (this.fitting && this.#native?.busy) throw this.busyError(what, advice)
  }

  /** Refuses while a fit is in progress or native work is queued. */
  checkIdle(what: string): void {
    this.checkAlive()
    if (this.fitting || this.#native?.busy) throw this.busyError(what)
  }

  busyError(what: string, advice = ''): NeurodeError {
    const doing = this.fitting ? 'is training' : 'is working'
    return new NeurodeError('ERR_MODEL_BUSY', `model '${this.name}' ${doing}: ${what} until that has ended${advice}`)
  }

  /** Ends running ranges after their current batch. */
  cancel(): void {
    this.cancellations++
    this.#native?.cancel()
  }

  dispose(): void {
    if (this.disposed) return
    this.disposed = true
    this.cancel()
    this.#native?.dispose()
    this.#native = undefined
  }

  #adopt(layers: readonly Layer[], inputShape: Shape | undefined): void {
    const names = nameLayers(layers)
    const { shapes, initial } = withNames(layers, names, () => {
      const shapes = inputShape && inferShapes(layers, inputShape)
      return { shapes, initial: initialWeightsOf(shapes) }
    })
    const training = shapes && this.#settings && setUpTraining(this.#settings, shapes)
    for (const layer of this.#layers) place(layer, undefined)
    layers.forEach((layer, i) => {
      const shape = shapes?.layers[i]
      const name = names[i] as string
      place(layer, { host: this, name, inputShape: shape?.inputShape, outputShape: shape?.outputShape })
    })
    this.#layers = Object.freeze([...layers])
    this.#shapes = shapes
    this.#training = training
    this.advised = false
    this.#initialWeights = initial
    this.#trained = noneTrained
    this.#stale = true
    this.#keepsState = false
  }

  /** Keeps the weights the model has; layers new to it start with their own, if given. */
  #fill(next: NativeModel, slots: readonly Slot[]): void {
    const old = this.#native
    slots.forEach(({ layer, parameter }, index) => {
      const before = this.#slots.findIndex(
        (slot) =>
          slot.layer === layer && slot.parameter.name === parameter.name && sameShape(slot.parameter, parameter),
      )
      if (old !== undefined && before >= 0) {
        next.setParameter(index, old.getParameter(before))
        return
      }
      const position = slots.slice(0, index).filter((slot) => slot.layer === layer).length
      const initial = this.#initialWeights.get(layer)?.[position]
      if (initial !== undefined) next.setParameter(index, initial)
    })
  }

  /** Keeps the optimizer's state. Averages of layers that were frozen until now begin with their weights. */
  #fillState(next: NativeModel, slots: readonly Slot[]): void {
    const old = this.#native as NativeModel
    const averages = this.#keepsAverages
    slots.forEach(({ layer, parameter: { trainable = true } }, index) => {
      const isFreed = layer.trainable && this.#frozen.has(layer)
      for (let slot = 0; trainable && slot < next.slots; slot++) {
        const begins = averages && isFreed && slot === next.slots - 1
        next.setSlot(slot, index, begins ? old.getParameter(index) : old.getSlot(slot, index))
      }
    })
    next.step = this.step
  }

  #slotsOf(layer: Layer | undefined): { slot: Slot; index: number }[] {
    const all = this.#slots.map((slot, index) => ({ slot, index }))
    return layer === undefined ? all : all.filter(({ slot }) => slot.layer === layer)
  }

  #notBuilt(): NeurodeError {
    const hint =
      this.#layers.length === 0
        ? 'it has no layers'
        : 'give its first layer an inputShape, call build(inputShape), or begin with layers.input({ shape })'
    return new NeurodeError('ERR_NOT_BUILT', `model '${this.name}' is not built: ${hint}`)
  }
}

function slotsOf({ layers }: ModelShapes): Slot[] {
  return layers.flatMap(({ layer, parameters }) => parameters.map((parameter) => ({ layer, parameter })))
}

/** Weights that layers were given, by layer. */
function initialWeightsOf(shapes: ModelShapes | undefined): ReadonlyMap<Layer, readonly Float32Array[]> {
  const initial = new Map<Layer, readonly Float32Array[]>()
  for (const { layer, inputShape, parameters } of shapes?.layers ?? []) {
    const values = layer.initialWeights(inputShape)
    if (values !== undefined) initial.set(layer, toParameters(values, parameters, `layer '${layer.name}': weights`))
  }
  return initial
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [one, other] = [a, b].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return (one as Buffer).equals(other as Buffer)
}

function sameShape(a: ParameterSpec, b: ParameterSpec): boolean {
  return formatShape(a.shape) === formatShape(b.shape)
}

/** Names given, or the kind with a number; `ERR_ARGUMENT` where two layers have one name. */
function nameLayers(layers: readonly Layer[]): string[] {
  const taken = new Set<string>()
  for (const [i, { givenName }] of layers.entries()) {
    if (givenName === undefined) continue
    if (taken.has(givenName)) {
      throw new NeurodeError('ERR_ARGUMENT', `layers[${i}]: expected different names, got '${givenName}' twice`)
    }
    taken.add(givenName)
  }
  const counts = new Map<string, number>()
  return layers.map((layer) => {
    if (layer.givenName !== undefined) return layer.givenName
    const base = defaultName(layer.kind)
    for (let count = counts.get(base) ?? 0; ; count++) {
      const name = count === 0 ? base : `${base}_${count}`
      if (taken.has(name)) continue
      taken.add(name)
      counts.set(base, count + 1)
      return name
    }
  })
}
