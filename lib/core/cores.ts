/** Finds the internal state of a model object, which has no public member for it. */

import { refuse } from '../checks/validate.js'
import type { ModelCore } from './core.js'

const cores = new WeakMap<object, ModelCore>()

/** Remembers `core` as the state of `model`. */
export function holdCore(model: object, core: ModelCore): void {
  cores.set(model, core)
}

/** The state of a model; throws `ERR_ARGUMENT` for anything else. */
export function coreOf(model: unknown): ModelCore {
  const core = model instanceof Object ? cores.get(model) : undefined
  return core ?? refuse('model', 'a model of sequential() or model()', model)
}
