/** Puts the parts of a graph together: the description of a model, and the layers with their variables in Keras' order. */

import { formatShape } from '../../arrays/arrays.js'
import type { Shape } from '../../layers/layer.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import { type Call, orderOf } from './order.js'
import type { Reading } from './reading.js'
import { type MadeLayer, type ReadLayer, variablesOf } from './readLayer.js'
import type { KerasLayer } from './types.js'

/** A model of a config in Neurode's terms. */
export interface ReadModel {
  readonly className: string
  readonly name: string
  /** Its entry among the models of a description, and its number there. */
  readonly description: JsonObject
  readonly index: number
  /** Shapes of the inputs and outputs, and the keys that inputs are given by. */
  readonly inputs: readonly Shape[]
  readonly inputNames: readonly string[]
  readonly outputs: readonly Shape[]
  readonly outputNames: readonly string[]
  readonly layers: readonly KerasLayer[]
}

/** The tables of a description. */
export interface Tables {
  readonly layers: JsonObject[]
  readonly models: JsonObject[]
}

/** An input, a layer or a model within a graph. */
export type GraphPart =
  | { readonly kind: 'input'; readonly name: string; readonly shape: Shape; readonly dtype: string }
  | { readonly kind: 'layer'; readonly name: string; readonly layer: ReadLayer }
  | { readonly kind: 'model'; readonly name: string; readonly model: ReadModel }
  | { readonly kind: 'more'; readonly name: string; readonly made: MadeLayer }

/** A call of a part; for each source the number of the output that it reads. */
export interface GraphCall extends Call {
  readonly tensors: readonly number[]
}

/** Output `tensor` of a call. */
export interface End {
  readonly call: number
  readonly tensor: number
}

/** A graph of numbered parts and calls. */
export interface ReadGraph {
  readonly className: string
  readonly name: string
  readonly parts: readonly GraphPart[]
  readonly calls: readonly GraphCall[]
  /** The calls of the inputs, in the order of the inputs. */
  readonly inputs: readonly number[]
  readonly inputNames: readonly string[]
  readonly outputs: readonly End[]
  readonly outputNames: readonly string[]
  readonly outputForm: 'single' | 'list' | 'record'
}

/** Adds a graph to the tables. */
export function addGraph(read: ReadGraph, tables: Tables, reading: Reading): ReadModel {
  const { className, name, parts, calls, inputs, inputNames, outputNames } = read
  const onCircle = (call: number): never =>
    reading.fail(`model '${name}': layer '${partOf(call).name}' needs its own output`)
  const partOf = (call: number) => parts[(calls[call] as Call).layer] as GraphPart
  const ends = read.outputs.map(({ call }) => call)
  const order = orderOf(calls, ends, onCircle)
  checkInputs(read, new Set(order.calls), reading)
  const { shapes, firstInputs } = inferShapes(read, order.calls, reading)
  const full = withMore(read)
  const inOrder =
    full === read
      ? order
      : orderOf(
          full.calls,
          full.outputs.map(({ call }) => call),
          onCircle,
        )
  const description = describeGraph(full, inOrder, tables)
  const shapeOf = ({ call, tensor }: End) => shapes.get(call)?.[tensor] as Shape
  return {
    className,
    name,
    description,
    index: tables.models.push(description) - 1,
    inputs: inputs.map((call) => shapeOf({ call, tensor: 0 })),
    inputNames,
    outputs: read.outputs.map(shapeOf),
    outputNames,
    layers: order.layers.map((number) => kerasLayerOf(parts[number] as GraphPart, firstInputs.get(number) ?? [])),
  }
}

/** Throws unless the outputs need all inputs, and no other. */
function checkInputs({ name, parts, calls, inputs }: ReadGraph, needed: ReadonlySet<number>, reading: Reading): void {
  const unused = inputs.find((call) => !needed.has(call))
  const nameOf = (call: number) => (parts[(calls[call] as Call).layer] as GraphPart).name
  if (unused !== undefined) reading.fail(`model '${name}': no output needs the input '${nameOf(unused)}'`)
  const known = new Set(inputs)
  const other = [...needed].find((call) => (calls[call] as Call).sources.length === 0 && !known.has(call))
  if (other !== undefined) reading.fail(`model '${name}': its outputs need '${nameOf(other)}', which is no input of it`)
}

function inferShapes({ parts, calls }: ReadGraph, order: readonly number[], reading: Reading) {
  const shapes = new Map<number, readonly Shape[]>()
  const firstInputs = new Map<number, readonly Shape[]>()
  for (const number of order) {
    const { layer, sources, tensors } = calls[number] as GraphCall
    const part = parts[layer] as GraphPart
    const given = sources.map((source, i) => {
      const at = tensors[i] as number
      return shapes.get(source)?.[at] ?? reading.fail(`layer '${part.name}': what it reads has no output number ${at}`)
    })
    if (!firstInputs.has(layer)) firstInputs.set(layer, given)
    shapes.set(number, shapesOf(part, given, reading))
  }
  return { shapes, firstInputs }
}

/** The shapes of the outputs of a part for these shapes of its inputs. */
function shapesOf(part: GraphPart, given: readonly Shape[], reading: Reading): readonly Shape[] {
  if (part.kind === 'input') return [part.shape]
  if (part.kind === 'layer') return [rowShapeOf(part.layer, given, reading)]
  if (part.kind === 'more') return given
  const { name, inputs, outputs } = part.model
  if (inputs.map(formatShape).join() === given.map(formatShape).join()) return outputs
  const [expected, got] = [inputs, given].map((shapes) => shapes.map(formatShape).join(' and '))
  return reading.fail(`model '${name}': it takes ${expected}, but is applied to ${got}`)
}

/** The shape of a layer's output for these shapes of its inputs. */
export function rowShapeOf({ name, made }: ReadLayer, given: readonly Shape[], reading: Reading): Shape {
  return reading.checked(`layer '${name}'`, () => {
    const [first, ...more] = made as [MadeLayer, ...MadeLayer[]]
    return more.reduce((shape, { layer }) => layer.outputForAll([shape]), first.layer.outputForAll(given))
  })
}

/** Gives layers that stand for one of Keras' places of their own, each call after that of the one before. */
function withMore(read: ReadGraph): ReadGraph {
  const parts: GraphPart[] = [...read.parts]
  const calls: GraphCall[] = [...read.calls]
  const last = new Map<number, number>()
  read.parts.forEach((part, number) => {
    for (const made of part.kind === 'layer' ? part.layer.made.slice(1) : []) {
      const layer = parts.push({ kind: 'more', name: nameOf(made), made }) - 1
      read.calls.forEach((call, at) => {
        if (call.layer !== number) return
        last.set(at, calls.push({ layer, sources: [last.get(at) ?? at], tensors: [0] }) - 1)
      })
    }
  })
  if (last.size === 0) return read
  const behind = (call: number) => last.get(call) ?? call
  const redirected = calls.map((call, at) =>
    at < read.calls.length ? { ...call, sources: call.sources.map(behind) } : call,
  )
  const outputs = read.outputs.map((end) => ({ ...end, call: behind(end.call) }))
  return { ...read, parts, calls: redirected, outputs }
}

export function nameOf({ description }: MadeLayer): string {
  return (description.options as JsonObject).name as string
}

function describeGraph(
  read: ReadGraph,
  order: { calls: readonly number[]; layers: readonly number[] },
  tables: Tables,
) {
  const { parts, calls, inputs, inputNames, outputNames, outputForm } = read
  const places = new Map(order.layers.map((number, i) => [number, i]))
  // Tensors are numbered, those of the inputs first, then those of the calls.
  const begin = new Map(inputs.map((call, i) => [call, i]))
  const made = order.calls.filter((call) => !begin.has(call))
  let next = inputs.length
  for (const call of made) {
    begin.set(call, next)
    const part = parts[(calls[call] as Call).layer] as GraphPart
    next += part.kind === 'model' ? part.model.outputs.length : 1
  }
  const numberOf = (call: number, tensor: number) => (begin.get(call) as number) + tensor
  const output = read.outputs.map(({ call, tensor }) => numberOf(call, tensor))
  const form: JsonObject = outputForm === 'single' ? { output: output[0] as number } : { output, outputForm }
  return {
    name: read.name,
    seed: 0,
    layers: order.layers.map((number) => describePart(parts[number] as GraphPart, tables)),
    names: order.layers.map((number) => (parts[number] as GraphPart).name),
    inputs: inputs.map((call, i) => {
      const { layer } = calls[call] as Call
      const { dtype } = parts[layer] as GraphPart & { kind: 'input' }
      return { name: inputNames[i] as string, dtype, layer: places.get(layer) as number }
    }),
    calls: made.map((call) => {
      const { layer, sources, tensors } = calls[call] as GraphCall
      return [places.get(layer) as number, ...sources.map((source, i) => numberOf(source, tensors[i] as number))]
    }),
    ...form,
    outputNames,
  }
}

function describePart(part: GraphPart, { layers }: Tables): Json {
  if (part.kind === 'model') return { model: part.model.index }
  if (part.kind === 'layer') return layers.push((part.layer.made[0] as MadeLayer).description) - 1
  if (part.kind === 'more') return layers.push(part.made.description) - 1
  return layers.push({ kind: 'Input', options: { name: part.name, inputShape: part.shape } }) - 1
}

function kerasLayerOf(part: GraphPart, inputs: readonly Shape[]): KerasLayer {
  const { name } = part
  if (part.kind === 'layer') return variablesOf(part.layer, inputs)
  if (part.kind !== 'model') return { className: 'InputLayer', name, variables: [], dtype: 'float32' }
  const { className, layers } = part.model
  return { className, name, variables: [], dtype: 'float32', layers: layers.map((layer) => within(layer, name)) }
}

/** Puts the name of the model that a layer is in before the names of its weights. */
function within(layer: KerasLayer, model: string): KerasLayer {
  const { variables, constants, layers } = layer
  return {
    ...layer,
    variables: variables.map((each) => ({ ...each, weight: each.weight && `${model}/${each.weight}` })),
    ...(constants && { constants: constants.map((each) => ({ ...each, weight: `${model}/${each.weight}` })) }),
    ...(layers && { layers: layers.map((each) => within(each, model)) }),
  }
}
