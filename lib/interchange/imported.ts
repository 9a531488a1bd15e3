/** Turns what a reader of another format found into the description and the tensors of a model file, which `load` goes on from. */

import { warn } from '../base/warnings.js'
import { startPosition } from '../core/position.js'
import type { FileArray } from '../formats/npy.js'
import { type Json, type JsonObject, toJson } from '../persistence/description.js'
import { type ModelFile, slotName } from '../persistence/modelFile.js'

/** A model as a reader of another format found it. */
export interface ImportedModel {
  /** The structure, as `describeStructure` writes it: a chain of layers, or a graph with its nested models. */
  readonly model: JsonObject
  /** The compile settings, as `describeSettings` writes them; undefined for a model that is not compiled. */
  readonly training?: Json | undefined
  /** The weights as float32, by the names that `getWeights` gives them. */
  readonly weights: ReadonlyMap<string, FileArray>
  /** The optimizer's variables: for each slot, by the names of the weights. Those that are not there are 0. */
  readonly slots?: readonly ReadonlyMap<string, FileArray>[]
  /** Number of optimizer steps taken; default 0. */
  readonly step?: number | undefined
  /** What the file says and the model does not hold, each in words; they become warnings. */
  readonly notes?: readonly string[] | undefined
}

/** The imported model in the form of a model file. */
export function importedFile(
  path: string,
  { model, training, weights, slots = [], step = 0, notes = [] }: ImportedModel,
): ModelFile {
  const tensors = new Map(weights)
  slots.forEach((arrays, slot) => {
    for (const [weight, array] of arrays) tensors.set(slotName(slot, weight), array)
  })
  for (const note of notes) warn('NEURODE_NOT_READ', `${path}: ${note}`)
  const position = toJson(startPosition, 'position')
  const state = { seed: 0, step, epochsBegun: 0, slots: null, position, callbacks: [] }
  return { path, description: { model, ...(training === undefined ? {} : { training }), state }, tensors }
}
