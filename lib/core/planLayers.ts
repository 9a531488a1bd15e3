/** The layers of the Plan, with the values that each of them reads. */

import { elementCount } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { deriveSeed } from '../base/seeds.js'
import type { Layer } from '../layers/layer.js'
import type { Plan, PlanLayer, PlanParameter } from '../native/plan.js'
import { decays, type UpdateSettings } from '../training/updates.js'
import type { LayerCall, LayerShapes, ModelShapes } from './shapes.js'

/** Where the seeds of a Plan come from. */
export interface PlanSeeds {
  readonly seed: number
  /** The seed of a parameter's initial values. */
  initialSeed(layer: Layer, parameter: string): number
  /** The place of a layer in the model, from which the seeds of its random numbers are derived. */
  placeOf(layer: Layer): number
}

/** The layers of a Plan. */
export interface PlannedLayers extends Pick<Plan, 'layers' | 'output'> {
  /** The values that are the outputs. */
  readonly values: readonly number[]
}

/** Makes the layers of the Plan. Throws `ERR_ARGUMENT` for layers of integers that read what other layers compute. */
export function planLayers(shapes: ModelShapes, seeds: PlanSeeds, update: UpdateSettings): PlannedLayers {
  const entries = new Entries()
  // The value of the Plan that each tensor is.
  const values = shapes.inputs.length === 1 ? [0] : entries.takeInputs(shapes)
  const firstOf = new Map<number, number>()
  for (const call of shapes.calls) {
    const of = shapes.layers[call.at] as LayerShapes
    const first = firstOf.get(call.at) ?? entries.length
    firstOf.set(call.at, first)
    let from = call.from.map((number) => values[number] as number)
    // The values that the layer's own entries count: its input, then theirs.
    const own = [from[0] as number]
    planCall(of, call, seeds).forEach((entry, i) => {
      const marked = withDecay(entry, (parameter) => decays(update, `${of.name}/${parameter}`))
      const shares = call.repetition > 0 && hasParameters(entry) ? { shares: first + i } : {}
      const reads = entry.from?.map((value) => own[value] as number) ?? from
      from = [entries.add({ ...marked, trainable: of.layer.trainable, ...shares }, reads)]
      own.push(from[0] as number)
    })
    values.push(from[0] as number)
  }
  return entries.end(shapes.heads.map(({ output }) => values[output] as number))
}

function planCall({ layer, name }: LayerShapes, call: LayerCall, seeds: PlanSeeds): readonly PlanLayer[] {
  const { repetition } = call
  const plan = layer.planAll(call.inputShapes, {
    name,
    seedFor: (parameter) => seeds.initialSeed(layer, parameter),
    noiseSeed: (given) => {
      const seed = given ?? deriveSeed(seeds.seed, seeds.placeOf(layer), 'dropout')
      return repetition === 0 ? seed : deriveSeed(seed, repetition, 'call')
    },
  })
  return [plan ?? []].flat()
}

/** The entries of a Plan; entry k computes value k + 1. */
class Entries {
  readonly #entries: PlanLayer[] = []
  /** Values that are the input, or columns of it in another order. */
  readonly #isInput = [true]

  get length(): number {
    return this.#entries.length
  }

  /** Adds an entry that reads these values, and returns the value that it computes. */
  add(entry: PlanLayer, from: readonly number[]): number {
    const isBefore = from.length === 1 && from[0] === this.length
    const { from: _own, ...rest } = entry
    this.#entries.push(isBefore ? rest : { ...rest, from })
    const readsInput = from.every((value) => this.#isInput[value])
    if ((entry.kind === 'embedding' || entry.kind === 'encoding') && !readsInput) this.#refuseIntegers(entry, from)
    this.#isInput.push(readsInput && (entry.kind === 'take' || entry.kind === 'concatenation'))
    return this.length
  }

  /** The inputs, which lie side by side in a row. */
  takeInputs({ inputs }: ModelShapes): number[] {
    let begin = 0
    return inputs.map(({ name, shape }) => {
      const columns = elementCount(shape)
      const value = this.add({ kind: 'take', name, rows: 1, begin, columns }, [0])
      begin += columns
      return value
    })
  }

  /** The outputs: the only one, or all of them side by side in a row. */
  end(outputs: readonly number[]): PlannedLayers {
    const [output, ...others] = outputs as readonly [number, ...number[]]
    // A model needs a layer, and its input is no output of one.
    const ownOutput = () => (output === 0 ? this.add(passThrough, [0]) : output)
    const value = others.length === 0 ? ownOutput() : this.add(joined, outputs)
    return { layers: this.#entries, ...(value === this.length ? {} : { output: value }), values: outputs }
  }

  #refuseIntegers({ name }: PlanLayer, from: readonly number[]): never {
    const computed = from.find((value) => !this.#isInput[value]) as number
    const text = `layer '${name}': expected integers, the model's input`
    throw new NeurodeError('ERR_ARGUMENT', `${text}, got what layer '${this.#entries[computed - 1]?.name}' computes`)
  }
}

/** Whether a member of an entry of the Plan is a parameter. */
export const isParameter = (value: unknown): value is PlanParameter =>
  typeof value === 'object' && value !== null && 'initializer' in value

function hasParameters(entry: PlanLayer): boolean {
  return Object.values(entry).some(isParameter)
}

/** Marks every parameter of an entry with whether weight decay applies to it. */
function withDecay(entry: PlanLayer, decays: (parameter: string) => boolean): PlanLayer {
  const members = Object.entries(entry).map(([key, value]: [string, unknown]) => {
    return [key, isParameter(value) ? { ...value, decays: decays(value.name ?? key) } : value]
  })
  return Object.fromEntries(members) as PlanLayer
}

const passThrough: PlanLayer = { kind: 'activation', name: 'linear', activation: { name: 'linear', params: [] } }

const joined: PlanLayer = { kind: 'concatenation', name: 'outputs', rows: 1 }
