/** The newest weights of layers that several models have. Each model has a copy on its device, and fetches newer ones when it computes. */

import type { Layer } from '../layers/layer.js'

/** Who has the newest weights of a layer. */
export interface WeightsHolder {
  /** The weights of a layer, in order; undefined if there are none yet. */
  valuesOf(layer: Layer): readonly Float32Array[] | undefined
}

interface Newest {
  readonly holder: WeightsHolder
  readonly version: number
}

const newest = new WeakMap<Layer, Newest>()

/** The layers of one model that other models have as well, and the versions of their weights that it has. */
export class SharedWeights {
  readonly #owner: WeightsHolder
  readonly #seen = new Map<Layer, number>()

  constructor(owner: WeightsHolder) {
    this.#owner = owner
  }

  /** To be called when a layer became part of another model. */
  add(layer: Layer): void {
    if (!this.#seen.has(layer)) this.#seen.set(layer, 0)
    // The model that was there before the layer was shared may be trained.
    if (!newest.has(layer) && this.#owner.valuesOf(layer) !== undefined) this.#claim(layer)
  }

  /** Whether another model has newer weights of a layer. */
  get areOutdated(): boolean {
    if (this.#seen.size === 0) return false
    for (const [layer, version] of this.#seen) {
      const { holder, version: last } = newest.get(layer) ?? {}
      if (holder !== undefined && holder !== this.#owner && last !== version) return true
    }
    return false
  }

  /** Passes newer weights of other models to `write`, and claims layers whose weights no model has. */
  fetch(write: (layer: Layer, values: readonly Float32Array[]) => void): void {
    for (const [layer, seen] of this.#seen) {
      const { holder, version } = newest.get(layer) ?? {}
      const values = holder?.valuesOf(layer)
      if (version === undefined || values === undefined) this.#claim(layer)
      else if (holder !== this.#owner && version !== seen) {
        write(layer, values)
        this.#seen.set(layer, version)
      }
    }
  }

  /** To be called when the weights of these layers change, or are about to. */
  change(changes: (layer: Layer) => boolean): void {
    for (const layer of this.#seen.keys()) if (changes(layer)) this.#claim(layer)
  }

  /** To be called before the model loses its weights: keeps copies of those that no other model has. */
  release(leaves: (layer: Layer) => boolean): void {
    for (const layer of this.#seen.keys()) {
      const { holder, version = 0 } = newest.get(layer) ?? {}
      if (!leaves(layer)) continue
      const values = holder === this.#owner ? this.#owner.valuesOf(layer) : undefined
      if (values !== undefined) newest.set(layer, { holder: { valuesOf: () => values }, version })
      else if (holder === this.#owner) newest.delete(layer)
      this.#seen.delete(layer)
    }
  }

  #claim(layer: Layer): void {
    const version = (newest.get(layer)?.version ?? 0) + 1
    newest.set(layer, { holder: this.#owner, version })
    this.#seen.set(layer, version)
  }
}
