/** The native model behind a core, and what lives in it: weights, variables of the optimizer, averages. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import type { Layer, ParameterSpec, Shape, Weight } from '../layers/layer.js'
import type { NativeModel } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Plan } from '../native/plan.js'
import type { ModelShapes } from './compileModel.js'
import type { DeviceSettings } from './devices.js'
import type { LayerStack } from './layerStack.js'
import { checkOrder, toParameters } from './weights.js'

/** What a native model is made from. */
export interface Blueprint {
  readonly stack: LayerStack
  readonly deviceSettings: DeviceSettings
  readonly isCompiled: boolean
  /** The last variable that the optimizer has of each parameter is its average. */
  readonly keepsAverages: boolean
  /** Shapes, or `ERR_NOT_BUILT`. */
  built(): ModelShapes
  plan(): Plan
}

/** Arrays of the native model, by parameter. */
export interface StateArrays {
  readonly weights: readonly { readonly name: string; readonly shape: Shape; readonly data: Float32Array }[]
  /** By slot, then by weight; nothing for weights that no optimizer changes. */
  readonly slots: readonly (readonly (Float32Array | undefined)[])[]
  /** By weight: those that fit has replaced by their averages, as training left them. Empty where it has not. */
  readonly trained: readonly (Float32Array | undefined)[]
  /** Optimizer steps taken. */
  readonly step: number
}

interface Slot {
  readonly layer: Layer
  readonly parameter: ParameterSpec
}

/** How a native model became out of date: by other layers or options, or by layers that were frozen or set free alone. */
type Outdated = 'changed' | 'refrozen'

const noneTrained = { step: 0, weights: [] }

export class NativeState {
  /** Optimizer steps taken. */
  step = 0

  readonly #blueprint: Blueprint
  #model: NativeModel | undefined
  #slots: readonly Slot[] = []
  #outdated: Outdated | undefined = 'changed'
  /** By parameter: weights as training left them, where they are averages now, and the step at which they became so. */
  #trained: { readonly step: number; readonly weights: StateArrays['trained'] } = noneTrained
  /** Layers that the native model does not train. */
  #frozen: ReadonlySet<Layer> = new Set()

  constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint
  }

  /** The native model; made, or made anew with the weights that it has, where it is out of date. */
  get(): NativeModel {
    if (this.#model !== undefined && this.#outdated === undefined) return this.#model
    const blueprint = this.#blueprint
    const next = native().createModel(blueprint.plan(), blueprint.deviceSettings)
    const slots = slotsOf(blueprint.built())
    try {
      this.#fill(next, slots)
      if (this.#outdated === 'refrozen') this.#fillVariables(next, slots)
    } catch (error) {
      next.dispose()
      throw error
    }
    if (this.#outdated === 'changed') this.step = 0
    this.#take(next, slots)
    return next
  }

  /** The native model if it is there and up to date. */
  get ready(): NativeModel | undefined {
    return this.#outdated === undefined ? this.#model : undefined
  }

  get isBusy(): boolean {
    return this.#model?.busy === true
  }

  /** Layers, optimizer or device are others now: weights stay where layers do, the optimizer's variables do not. */
  change(): void {
    this.#trained = noneTrained
    this.#outdated = 'changed'
  }

  /** Layers were frozen or set free: the optimizer's variables stay. */
  refreeze(): void {
    if (this.ready !== undefined) this.#outdated = 'refrozen'
  }

  /** The seed of initial weights and of random numbers is another: what is there is out of date. */
  reseed(): void {
    this.#outdated = 'changed'
  }

  read(layer?: Layer): Weight[] {
    const model = this.get()
    return this.#slotsOf(layer).map(({ slot, index }) =>
      shapedArray(model.getParameter(index), slot.parameter.shape, {
        name: `${slot.layer.name}/${slot.parameter.name}`,
        dtype: 'float32',
      }),
    )
  }

  write(layer: Layer | undefined, values: readonly ArrayInput[]): void {
    const model = this.get()
    const slots = this.#slotsOf(layer)
    const specs = slots.map(({ slot }) => ({ ...slot.parameter, name: `${slot.layer.name}/${slot.parameter.name}` }))
    const arrays = toParameters(values, specs, 'weights')
    checkOrder(values, specs)
    slots.forEach(({ index }, i) => {
      model.setParameter(index, arrays[i] as Float32Array)
    })
  }

  /** Copies of everything, as it is between batches. */
  readArrays(): StateArrays {
    const weights = this.read()
    const model = this.get()
    const slots = Array.from({ length: this.#blueprint.isCompiled ? model.slots : 0 }, (_, slot) =>
      model.parameters.map(({ trainable }, index) => (trainable ? model.getSlot(slot, index) : undefined)),
    )
    return { weights, slots, trained: this.#trainedWeights(), step: this.step }
  }

  /** Takes over arrays that fit; see {@link readArrays}. */
  writeArrays(state: StateArrays): void {
    const model = this.get()
    state.weights.forEach(({ data }, index) => {
      model.setParameter(index, data)
    })
    state.slots.forEach((arrays, slot) => {
      arrays.forEach((data, index) => {
        if (data !== undefined) model.setSlot(slot, index, data)
      })
    })
    this.#takeStep(model, state)
  }

  /** The same where no native model is there yet: another thread makes it, with what it holds. */
  async open(state: StateArrays): Promise<void> {
    const weights = state.weights.map(({ data }) => data)
    const { deviceSettings } = this.#blueprint
    const model = await native().openModel(this.#blueprint.plan(), deviceSettings, weights, state.slots)
    this.#take(model, slotsOf(this.#blueprint.built()))
    this.#takeStep(model, state)
  }

  /** Weights become their averages, where the optimizer keeps any: Keras does so when fit ends. */
  finalizeAverages(): void {
    if (!this.#blueprint.keepsAverages || this.step === 0) return
    const model = this.get()
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
    const model = this.get()
    this.#trainedWeights().forEach((data, index) => {
      if (data !== undefined && this.#slots[index]?.layer.trainable) model.setParameter(index, data)
    })
    this.#trained = noneTrained
  }

  /** Ends running ranges after their current batch. */
  cancel(): void {
    this.#model?.cancel()
  }

  dispose(): void {
    this.#model?.dispose()
    this.#model = undefined
  }

  #take(next: NativeModel, slots: readonly Slot[]): void {
    this.#model?.dispose()
    this.#model = next
    this.#slots = slots
    this.#outdated = undefined
    this.#frozen = new Set(this.#blueprint.stack.layers.filter(({ trainable }) => !trainable))
  }

  #takeStep(model: NativeModel, { step, trained }: StateArrays): void {
    model.step = this.step = step
    this.#trained = { step, weights: trained }
  }

  /** What training left, where the weights are still the averages that they became. */
  #trainedWeights(): StateArrays['trained'] {
    const { step, weights } = this.#trained
    if (step !== this.step || !this.#blueprint.keepsAverages) return []
    const model = this.get()
    const isAverage = (data: Float32Array | undefined, index: number) =>
      data === undefined || sameBits(model.getParameter(index), model.getSlot(model.slots - 1, index))
    return weights.every(isAverage) ? weights : []
  }

  /** Keeps the weights that are there; layers that are new start with their own, if they were given any. */
  #fill(next: NativeModel, slots: readonly Slot[]): void {
    const old = this.#model
    const { initialWeights } = this.#blueprint.stack
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
      const initial = initialWeights.get(layer)?.[position]
      if (initial !== undefined) next.setParameter(index, initial)
    })
  }

  /** Keeps the optimizer's variables. Averages of layers that were frozen until now begin with their weights. */
  #fillVariables(next: NativeModel, slots: readonly Slot[]): void {
    const old = this.#model as NativeModel
    const { keepsAverages } = this.#blueprint
    slots.forEach(({ layer, parameter: { trainable = true } }, index) => {
      const isFreed = layer.trainable && this.#frozen.has(layer)
      for (let slot = 0; trainable && slot < next.slots; slot++) {
        const begins = keepsAverages && isFreed && slot === next.slots - 1
        next.setSlot(slot, index, begins ? old.getParameter(index) : old.getSlot(slot, index))
      }
    })
    next.step = this.step
  }

  #slotsOf(layer: Layer | undefined): { slot: Slot; index: number }[] {
    const all = this.#slots.map((slot, index) => ({ slot, index }))
    return layer === undefined ? all : all.filter(({ slot }) => slot.layer === layer)
  }
}

function slotsOf({ layers }: ModelShapes): Slot[] {
  return layers.flatMap(({ layer, parameters }) => parameters.map((parameter) => ({ layer, parameter })))
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [one, other] = [a, b].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return (one as Buffer).equals(other as Buffer)
}

function sameShape(a: ParameterSpec, b: ParameterSpec): boolean {
  return formatShape(a.shape) === formatShape(b.shape)
}
