/** The places of layers in the models that they are part of. */

import type { ArrayInput } from '../arrays/arrays.js'
import type { Shape, Weight } from './types.js'

/** A layer, as far as its places are concerned. */
interface Member {
  readonly kind: string
}

/** The functions of a model that its layers call. */
export interface LayerHost {
  readonly name: string
  readWeights(layer?: Member): Weight[]
  writeWeights(layer: Member | undefined, values: readonly ArrayInput[]): void
  /** Called before a layer is frozen or unfrozen. Throws `ERR_MODEL_BUSY` while the model trains. */
  trainableChanges(): void
  /** Called when a layer of the model became part of another model as well. */
  sharesLayer(layer: Member): void
  /** Whether the user chose the model's seed. */
  readonly isSeeded: boolean
  /** The seed of a parameter's initial values. */
  seedFor(layer: Member, parameter: string): number
  /** Makes the symbolic tensors of the model's layers, if they were not applied to tensors. */
  connect(): void
}

/** The place of a layer in a model. */
export interface Placement {
  readonly name: string
  /** Undefined until the shape of the model's input is known. */
  readonly inputShape: Shape | undefined
  readonly outputShape: Shape | undefined
}

/** A model that has a layer. Layers keep the first one alive, and no other; inputs keep none, as layers know all of their inputs. */
interface Membership {
  readonly host: WeakRef<LayerHost>
  readonly owner: LayerHost | undefined
  readonly placement: Placement
}

const memberships = new WeakMap<Member, readonly Membership[]>()

const membershipsOf = (layer: Member) => memberships.get(layer)?.filter(({ host }) => host.deref() !== undefined) ?? []

/** The models that have a layer, first to last. */
export function hostsOf(layer: Member): LayerHost[] {
  return membershipsOf(layer).map(({ host }) => host.deref() as LayerHost)
}

/** The places of a layer in other models than `host`. */
export function otherPlacements(layer: Member, host: LayerHost): Placement[] {
  return membershipsOf(layer).flatMap((member) => (member.host.deref() === host ? [] : [member.placement]))
}

/** The place of a layer in the first model that it is part of. */
export function placementOf(layer: Member): Placement | undefined {
  return membershipsOf(layer)[0]?.placement
}

/** Sets the place of a layer in a model, or removes it from the model. */
export function place(layer: Member, host: LayerHost, placement: Placement | undefined): void {
  const others = membershipsOf(layer).filter((member) => member.host.deref() !== host)
  const isFirst = hostsOf(layer)[0] === host || others.length === 0
  const own = placement === undefined ? [] : [{ host: new WeakRef(host), owner: undefined, placement }]
  const all = (isFirst ? [...own, ...others] : [...others, ...own]).map((member, i) => {
    return { ...member, owner: i === 0 && layer.kind !== 'Input' ? member.host.deref() : undefined }
  })
  memberships.set(layer, all)
  // The model was built from the layer's options, so later assignments, also to misspelt names, would have no effect.
  if (placement !== undefined) Object.freeze(layer)
  if (all.length > 1) for (const each of hostsOf(layer)) each.sharesLayer(layer)
}

/** Names that layers will get, for messages while it is checked whether a model can be made of them. */
const futureNames = new WeakMap<Member, string>()

/** Runs work whose messages use the names that layers will get. */
export function withNames<T>(layers: readonly Member[], names: readonly string[], work: () => T): T {
  for (const [i, layer] of layers.entries()) futureNames.set(layer, names[i] as string)
  try {
    return work()
  } finally {
    for (const layer of layers) futureNames.delete(layer)
  }
}

/** The name that a layer has or will get in a model. */
export function nameInModel(layer: Member): string | undefined {
  return futureNames.get(layer) ?? placementOf(layer)?.name
}
