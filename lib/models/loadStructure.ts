/** Makes models of what files say of their layers. */

import { checkInteger, checkName, checkRowShape, readingFile, refuse } from '../checks/validate.js'
import { callLayer, isSymbolic, type Layer, type SymbolicTensor } from '../layers/layer.js'
import type { InputType } from '../layers/types.js'
import { type Json, type JsonObject, list, makeLayers, object } from '../persistence/description.js'
import { type Functional, fromFile } from './functional.js'
import { Sequential } from './sequential.js'

/** Makes the model that a file describes. */
export function makeModel(described: JsonObject, seed: number): Sequential | Functional {
  const name = checkName(described.name, 'name')
  const layers = readingFile(() => makeLayers(described.layers))
  if (described.models === undefined) return chain(layers, described.inputShape, name, seed)
  const models: (Sequential | Functional)[] = []
  for (const [i, item] of list(described.models, 'models').entries()) {
    const model = object(item, `models[${i}]`)
    const parts = list(model.layers, `models[${i}]: layers`).map((part) => {
      return typeof part === 'number' ? at(layers, part) : at(models, object(part, 'layer').model)
    })
    const isLast = i === list(described.models, 'models').length - 1
    const own = model.name === undefined ? undefined : checkName(model.name, 'name')
    const ownSeed = isLast ? seed : checkInteger(model.seed, 'seed', 0)
    const ownName = isLast ? name : own
    const made =
      model.calls === undefined
        ? chain(parts as Layer[], model.inputShape, ownName, ownSeed)
        : graph(model, parts, ownName, ownSeed)
    models.push(made)
  }
  return models.at(-1) ?? refuse('models', 'at least one', described.models)
}

function chain(layers: readonly Layer[], shape: Json | undefined, name: string | undefined, seed: number): Sequential {
  return new Sequential({ name, layers, seed }).build(checkRowShape(list(shape, 'inputShape'), 'inputShape'))
}

type Part = Layer | Sequential | Functional

function graph(described: JsonObject, parts: readonly Part[], name: string | undefined, seed: number): Functional {
  const given = list(described.inputs, 'inputs').map((item, i) => object(item, `inputs[${i}]`))
  const inputs = given.map(({ layer, dtype }) => {
    const source = at(parts, layer) as Layer
    const shape = checkRowShape(source.inputShape, 'inputShape')
    return callLayer(source, [], [shape], checkName(dtype, 'dtype') as InputType)[0] as SymbolicTensor
  })
  const tensors = [...inputs]
  for (const call of list(described.calls, 'calls')) {
    const [part, ...sources] = list(call, 'call')
    const from = sources.map((number) => at(tensors, number))
    const made = at(parts, part).apply(from.length === 1 ? (from[0] as SymbolicTensor) : from)
    const [tensor] = (isSymbolic(made) ? [made] : Object.values(made)) as [SymbolicTensor]
    tensors.push(...tensor.call.outputs)
  }
  const names = list(described.names, 'names').map((text) => checkName(text, 'names'))
  const inputNames = given.map((input) => checkName(input.name, 'inputs: name'))
  const outputs = [described.output].flat().map((number) => at(tensors, number))
  const naming = { names, inputNames, outputNames: outputNamesOf(described, outputs.length) }
  const outputForm = described.outputForm === 'record' ? 'record' : 'list'
  return fromFile({ inputs, outputs, name, seed }, { ...naming, outputForm })
}

/** The names of the outputs, which some files of models with one output lack. */
function outputNamesOf({ outputNames }: JsonObject, count: number): string[] | undefined {
  if (outputNames === undefined) return undefined
  const names = list(outputNames, 'outputNames').map((text) => checkName(text, 'outputNames'))
  return new Set(names).size === count && names.length === count
    ? names
    : refuse('outputNames', `${count} different names`, names)
}

function at<T>(items: readonly T[], place: Json | undefined): T {
  return items[checkInteger(place, 'index', 0, items.length - 1)] as T
}
