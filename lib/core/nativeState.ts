/** Owns a model's native counterpart, which holds the weights, the optimizer's variables and the averages. */

import { type ArrayInput, formatShape } from '../arrays/arrays.js'
import { shapedArray } from '../arrays/shapedArray.js'
import type { Layer, ParameterSpec, Shape, Weight } from '../layers/layer.js'
import type { NativeModel } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Plan } from '../native/plan.js'
import type { DeviceSettings } from './devices.js'
import type { LayerStack } from './layerStack.js'
import type { ModelShapes } from './shapes.js'
import { SharedWeights, type WeightsHolder } from './sharedWeights.js'
import { checkOrder, toParameters } from './weights.js'

/** Everything that a native model is made from. */
export interface Blueprint {
  readonly stack: LayerStack
  readonly deviceSettings: DeviceSettings
  readonly isCompiled: boolean
  /** Whether the optimizer keeps the moving average of each parameter, as its last variable. */
  readonly keepsAverages: boolean
  /** The model's shapes. Throws `ERR_NOT_BUILT` if its input shape is not known. */
  built(): ModelShapes
  plan(): Plan
}

/** Arrays of the native model, by parameter. */
export interface StateArrays {
  readonly weights: readonly { readonly name: string; readonly shape: Shape; readonly data: Float32Array }[]
  /** Optimizer variables by slot, then by weight; undefined for weights that are not trained. */
  readonly slots: readonly (readonly (Float32Array | undefined)[])[]
  /** By weight, the values before fit replaced them by their moving averages; empty if it did not. */
  readonly trained: readonly (Float32Array | undefined)[]
  /** Number of optimizer steps taken. */
  readonly step: number
}

interface Slot {
  readonly layer: Layer
  /** Names of the layer and the parameter. */
  readonly name: string
  readonly parameter: ParameterSpec
}

/** Why a native model is out of date: `changed` layers or options, or only layers that were frozen or unfrozen. */
type Outdated = 'changed' | 'refrozen'

const noneTrained = { step: 0, weights: [] }

export class NativeState implements WeightsHolder {
  /** Number of optimizer steps taken. */
  step = 0

  readonly #blueprint: Blueprint
  #model: NativeModel | undefined
  /** Models of other Plans over the parameters of the native model, by their purpose. */
  readonly #siblings = new Map<string, NativeModel>()
  #slots: readonly Slot[] = []
  #outdated: Outdated | undefined = 'changed'
  /** The weights before they were replaced by their moving averages, by parameter, and the step at which that happened. */
  #trained: { readonly step: number; readonly weights: StateArrays['trained'] } = noneTrained
  /** Layers that the native model does not train. */
  #frozen: ReadonlySet<Layer> = new Set()
  readonly #shared = new SharedWeights(this)
  /** Whether the native model was made since shared weights were fetched. */
  #isNew = false

  constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint
  }

  /** The native model with the newest weights. It is made on first use, and made anew with the same weights if it is out of date. */
  get(): NativeModel {
    const model = this.#current()
    if (this.#shared.areOutdated || this.#isNew) this.#fetch(model)
    return model
  }

  #current(): NativeModel {
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

  /** A model of another Plan over the same parameters. It is made when it is first needed, and anew when the native model is. */
  sibling(purpose: string, plan: () => Plan): NativeModel {
    const model = this.get()
    const known = this.#siblings.get(purpose)
    if (known !== undefined) return known
    const sibling = model.sibling(plan())
    this.#siblings.set(purpose, sibling)
    return sibling
  }

  /** Takes over newer weights of layers that other models have as well. */
  #fetch(model: NativeModel): void {
    this.#isNew = false
    this.#shared.fetch((layer, values) => {
      this.#slotsOf(layer).forEach(({ index }, i) => {
        model.setParameter(index, values[i] as Float32Array)
      })
    })
  }

  /** The native model if it exists and is up to date. */
  get ready(): NativeModel | undefined {
    return this.#outdated === undefined && !this.#shared.areOutdated ? this.#model : undefined
  }

  /** To be called when a layer became part of another model as well. */
  share(layer: Layer): void {
    this.#shared.add(layer)
  }

  /** To be called before layers leave the model. */
  leave(leaves: (layer: Layer) => boolean): void {
    this.#shared.release(leaves)
  }

  /** To be called before training changes weights. What other models trained of shared layers is taken over first. */
  trains(): void {
    this.get()
    this.#shared.change((layer) => layer.trainable)
  }

  valuesOf(layer: Layer): readonly Float32Array[] | undefined {
    const model = this.#model
    const slots = this.#slotsOf(layer)
    return model && slots.length > 0 ? slots.map(({ index }) => model.getParameter(index)) : undefined
  }

  get isBusy(): boolean {
    return this.#model?.busy === true
  }

  /** To be called when layers, optimizer or device changed: weights of remaining layers are kept, optimizer variables are reset. */
  change(): void {
    this.#trained = noneTrained
    this.#outdated = 'changed'
  }

  /** To be called when layers were frozen or unfrozen: the optimizer's variables are kept. */
  refreeze(): void {
    if (this.#outdated === undefined && this.#model !== undefined) this.#outdated = 'refrozen'
  }

  /** To be called when the seed of initial weights and random numbers changed. */
  reseed(): void {
    this.#outdated = 'changed'
  }

  read(layer?: Layer): Weight[] {
    const model = this.get()
    return this.#slotsOf(layer).map(({ slot, index }) =>
      shapedArray(model.getParameter(index), slot.parameter.shape, {
        name: slot.name,
        dtype: 'float32',
      }),
    )
  }

  write(layer: Layer | undefined, values: readonly ArrayInput[]): void {
    const model = this.get()
    const slots = this.#slotsOf(layer)
    const specs = slots.map(({ slot }) => ({ ...slot.parameter, name: slot.name }))
    const arrays = toParameters(values, specs, 'weights')
    checkOrder(values, specs)
    this.#shared.change((shared) => slots.some(({ slot }) => slot.layer === shared))
    slots.forEach(({ index }, i) => {
      model.setParameter(index, arrays[i] as Float32Array)
    })
  }

  /** Copies all arrays; may be called between batches. */
  readArrays(): StateArrays {
    const weights = this.read()
    const model = this.get()
    const slots = Array.from({ length: this.#blueprint.isCompiled ? model.slots : 0 }, (_, slot) =>
      model.parameters.map(({ trainable }, index) => (trainable ? model.getSlot(slot, index) : undefined)),
    )
    return { weights, slots, trained: this.#trainedWeights(), step: this.step }
  }

  /** Restores arrays that {@link readArrays} returned; they must have the model's shapes. */
  writeArrays(state: StateArrays): void {
    const model = this.get()
    this.#shared.change(() => true)
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

  /** Like {@link writeArrays}, when there is no native model yet: it is made and filled on another thread. */
  async open(state: StateArrays): Promise<void> {
    const weights = state.weights.map(({ data }) => data)
    const { deviceSettings } = this.#blueprint
    const model = await native().openModel(this.#blueprint.plan(), deviceSettings, weights, state.slots)
    this.#take(model, slotsOf(this.#blueprint.built()))
    this.#shared.change(() => true)
    this.#takeStep(model, state)
  }

  /** Replaces the weights by their moving averages if the optimizer keeps them, as Keras does when fit ends. */
  finalizeAverages(): void {
    if (!this.#blueprint.keepsAverages || this.step === 0) return
    const model = this.get()
    this.trains()
    // What no step changes has no average: it is its own.
    const { parameters } = model
    const weights = this.#slots.map((_, index) => {
      if (!parameters[index]?.learns) return undefined
      const trained = model.getParameter(index)
      model.setParameter(index, model.getSlot(model.slots - 1, index))
      return trained
    })
    this.#trained = { step: this.step, weights }
  }

  /** Undoes {@link finalizeAverages} when training continues, unless the weights were changed in between. */
  undoAverages(): void {
    const model = this.get()
    this.trains()
    this.#trainedWeights().forEach((data, index) => {
      if (data !== undefined && this.#slots[index]?.layer.trainable) model.setParameter(index, data)
    })
    this.#trained = noneTrained
  }

  /** Stops running work after the current batch. */
  cancel(): void {
    this.#model?.cancel()
    for (const sibling of this.#siblings.values()) sibling.cancel()
  }

  dispose(): void {
    this.#shared.release(() => true)
    this.#disposeModels()
    this.#model = undefined
  }

  #disposeModels(): void {
    for (const sibling of this.#siblings.values()) sibling.dispose()
    this.#siblings.clear()
    this.#model?.dispose()
  }

  #take(next: NativeModel, slots: readonly Slot[]): void {
    this.#disposeModels()
    this.#model = next
    this.#slots = slots
    this.#outdated = undefined
    this.#isNew = true
    const layers = this.#blueprint.built().layers.map(({ layer }) => layer)
    this.#frozen = new Set(layers.filter(({ trainable }) => !trainable))
  }

  #takeStep(model: NativeModel, { step, trained }: StateArrays): void {
    model.step = this.step = step
    this.#trained = { step, weights: trained }
  }

  /** The weights before averaging, if the current weights are still the averages; otherwise empty. */
  #trainedWeights(): StateArrays['trained'] {
    const { step, weights } = this.#trained
    if (step !== this.step || !this.#blueprint.keepsAverages) return []
    const model = this.get()
    const isAverage = (data: Float32Array | undefined, index: number) =>
      data === undefined || sameBits(model.getParameter(index), model.getSlot(model.slots - 1, index))
    return weights.every(isAverage) ? weights : []
  }

  /** Copies the weights of remaining layers; new layers get their initial weights, if the user passed any. */
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

  /** Copies the optimizer's variables. The averages of layers that were frozen until now start at their weights. */
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
    return layer === undefined ? all : all.filter(({ slot }) => layer.leaves.includes(slot.layer))
  }
}

function slotsOf({ layers }: ModelShapes): Slot[] {
  return layers.flatMap(({ layer, name, parameters }) =>
    parameters.map((parameter) => ({ layer, name: `${name}/${parameter.name}`, parameter })),
  )
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [one, other] = [a, b].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return (one as Buffer).equals(other as Buffer)
}

function sameShape(a: ParameterSpec, b: ParameterSpec): boolean {
  return formatShape(a.shape) === formatShape(b.shape)
}
