/** Reads the structure of a model: a Sequential or a Functional, with the models within it. */

import { distinct } from '../../base/names.js'
import type { Shape } from '../../layers/layer.js'
import type { Json, JsonObject } from '../../persistence/description.js'
import {
  addGraph,
  type End,
  type GraphCall,
  type GraphPart,
  nameOf,
  type ReadModel,
  rowShapeOf,
  type Tables,
} from './graphBuilder.js'
import { isObject, type Reading } from './reading.js'
import { type ReadLayer, readBatchShape, readLayer, variablesOf } from './readLayer.js'
import { type Counting, type ReadNode, type Ref, readEnds, readNodes } from './readNodes.js'

const sequential = 'Sequential'
const functional = ['Functional', 'Model']
const isModel = (className: string) => className === sequential || functional.includes(className)

/** The most models within each other, the most layers of a model, and the most calls of layers. */
const deepest = 32
const mostLayers = 10_000
const mostCalls = 2 ** 16

/** What surrounds a model. */
interface Around {
  /** How many models it lies within. */
  readonly depth: number
  /** Whether one of them is not trainable. */
  readonly frozen: boolean
  /** Its shape if it is known from what comes before it. */
  readonly shape?: Shape | undefined
  readonly tables: Tables
}

/** A layer in the list of a model. */
interface Item {
  readonly name: string
  readonly className: string
  readonly config: Json
  readonly entry: JsonObject
}

/** Reads a model from its serialized form. */
export function readModel(value: Json, around: Around, reading: Reading): ReadModel {
  const { className, config } = reading.serialized(value, 'the model')
  if (!isModel(className)) {
    return reading.fail(
      `the class '${className.slice(0, 60)}' is neither a Sequential nor a Functional model, and is not run`,
    )
  }
  if (around.depth > deepest) return reading.fail(`more than ${deepest} models lie within each other`)
  const given: JsonObject = Array.isArray(config) ? { layers: config } : reading.object(config, `${className}: config`)
  const name =
    given.name === undefined || given.name === null ? className.toLowerCase() : reading.name(given.name, 'name')
  checkKeys(given, name, reading)
  const inside = { ...around, frozen: around.frozen || given.trainable === false }
  const items = itemsOf(given, name, className, reading)
  if (className !== sequential) return readFunctional(className, name, given, items, inside, reading)
  const entry = value as JsonObject
  return readSequential(name, items, { ...inside, shape: around.shape ?? builtShape(given, entry, reading) }, reading)
}

const modelKeys = ['name', 'trainable', 'dtype', 'layers', 'build_input_shape', 'input_layers', 'output_layers']

function checkKeys(config: JsonObject, name: string, reading: Reading): void {
  const other = Object.entries(config).find(
    ([key, value]) => !modelKeys.includes(key) && value !== null && value !== false,
  )
  if (other !== undefined) reading.fail(`model '${name}': an option '${other[0].slice(0, 60)}' cannot be read`)
}

function itemsOf(config: JsonObject, model: string, className: string, reading: Reading): Item[] {
  const list = reading.list(config.layers, `model '${model}': layers`)
  if (list.length === 0 || list.length > mostLayers) {
    return reading.refuse(`model '${model}': layers`, `1 to ${mostLayers} layers`, list)
  }
  const names = new Set<string>()
  return list.map((value, i) => {
    const at = `model '${model}': layers[${i}]`
    const entry = reading.object(value, at)
    const { className: itemClass, config } = reading.serialized(value, at)
    const given = (className === sequential ? undefined : entry.name) ?? (isObject(config) ? config.name : undefined)
    const name = given === undefined || given === null ? freeName(itemClass, names) : reading.name(given, `${at}: name`)
    if (names.has(name)) reading.fail(`${at}: expected different names, got '${name}' twice`)
    names.add(name)
    return { name, className: itemClass, config: config ?? null, entry }
  })
}

function freeName(className: string, taken: ReadonlySet<string>): string {
  const base = className.slice(0, 100).toLowerCase()
  for (let count = 0; ; count++) {
    const name = count === 0 ? base : `${base}_${count}`
    if (!taken.has(name)) return name
  }
}

/** The shape that Keras built a Sequential for, if the config says it. */
function builtShape(config: JsonObject, { build_config: build }: JsonObject, reading: Reading): Shape | undefined {
  const shape = config.build_input_shape ?? (isObject(build) ? build.input_shape : undefined)
  const isKnown = Array.isArray(shape) && !shape.slice(1).includes(null)
  return isKnown ? readBatchShape(shape, 'build_input_shape', reading) : undefined
}

const inputKeys = ['name', 'dtype', 'batch_shape', 'batch_input_shape', 'trainable']

function readInput({ name, config }: Item, reading: Reading): GraphPart & { kind: 'input' } {
  const at = `input '${name}'`
  const given = reading.object(config, at)
  const other = Object.entries(given).find(
    ([key, value]) => !inputKeys.includes(key) && value !== null && value !== false,
  )
  if (other !== undefined) reading.fail(`${at}: an option '${other[0].slice(0, 60)}' cannot be read`)
  const shape = readBatchShape(given.batch_shape ?? given.batch_input_shape, `${at}: batch_shape`, reading)
  return { kind: 'input', name, shape, dtype: inputType(given.dtype ?? null, at, reading) }
}

const inputTypes = [
  ['float32', /^(?:float(?:16|32|64)?|bfloat16|mixed_\w+)$/],
  ['uint8', /^(?:uint8|bool)$/],
  ['int32', /^u?int(?:8|16|32|64)?$/],
] as const

function inputType(dtype: Json, at: string, reading: Reading): string {
  if (dtype === null || isObject(dtype)) return 'float32'
  const row = typeof dtype === 'string' ? inputTypes.find(([, pattern]) => pattern.test(dtype)) : undefined
  return row === undefined ? reading.refuse(`${at}: dtype`, 'a type of numbers', dtype) : row[0]
}

/** Reads a layer, or a model, of a model. */
function readPart(item: Item, around: Around, reading: Reading): GraphPart {
  const { name, className, config, entry } = item
  if (className === 'InputLayer') return readInput(item, reading)
  if (!isModel(className)) {
    const options = reading.object(config, `layer '${name}': config`)
    return { kind: 'layer', name, layer: readLayer(className, options, name, around.frozen, reading) }
  }
  return { kind: 'model', name, model: readModel(entry, { ...around, depth: around.depth + 1 }, reading) }
}

function readSequential(name: string, items: readonly Item[], around: Around, reading: Reading): ReadModel {
  const [first, ...others] = items as readonly [Item, ...Item[]]
  const isInput = first.className === 'InputLayer'
  const rest = isInput ? others : items
  const late = rest.find(({ className }) => className === 'InputLayer')
  if (late !== undefined) reading.fail(`model '${name}': the input '${late.name}' stands behind other layers`)
  if (rest.length === 0) reading.fail(`model '${name}': expected a layer`)
  const input = isInput ? readInput(first, reading) : undefined
  const shape = input?.shape ?? ownShape(first, reading) ?? around.shape
  if (rest.some(({ className }) => isModel(className))) {
    const unnamed = freeName('input', new Set(items.map((item) => item.name)))
    return chainOfModels(
      name,
      rest,
      input ?? { kind: 'input', name: unnamed, shape: shape as Shape, dtype: 'float32' },
      around,
      reading,
    )
  }
  if (shape === undefined)
    return reading.fail(`model '${name}': the shape of its input is not known, as it was not built`)
  return chain(name, rest, shape, around, reading)
}

/** The shape that older Keras gives the first layer of a Sequential, or a nested model has. */
function ownShape({ config, name }: Item, reading: Reading): Shape | undefined {
  const shape = isObject(config) ? (config.batch_input_shape ?? config.batch_shape) : undefined
  return shape === undefined || shape === null
    ? undefined
    : readBatchShape(shape, `layer '${name}': batch_input_shape`, reading)
}

function chain(name: string, items: readonly Item[], inputShape: Shape, around: Around, reading: Reading): ReadModel {
  const layers = items.map((item) => (readPart(item, around, reading) as GraphPart & { kind: 'layer' }).layer)
  const made = layers.flatMap((layer) => layer.made)
  checkNames(name, made.map(nameOf), reading)
  let shape = inputShape
  const keras = layers.map((layer: ReadLayer) => {
    const before = shape
    shape = rowShapeOf(layer, [before], reading)
    return variablesOf(layer, [before])
  })
  const { tables } = around
  const places = made.map(({ description }) => tables.layers.push(description) - 1)
  const description: JsonObject = { name, seed: 0, layers: places, inputShape }
  return {
    className: sequential,
    name,
    description,
    index: tables.models.push(description) - 1,
    inputs: [inputShape],
    inputNames: ['input'],
    outputs: [shape],
    outputNames: [layers.at(-1)?.name as string],
    layers: keras,
  }
}

function checkNames(model: string, names: readonly string[], reading: Reading): void {
  const known = new Set<string>()
  const twice = names.find((name) => known.size === known.add(name).size)
  if (twice !== undefined) reading.fail(`model '${model}': expected different names of layers, got '${twice}' twice`)
}

/** A Sequential with models in it is a graph in Neurode. */
function chainOfModels(
  name: string,
  items: readonly Item[],
  given: GraphPart & { kind: 'input' },
  around: Around,
  reading: Reading,
): ReadModel {
  const parts: GraphPart[] = []
  let { shape }: { shape: Shape | undefined } = given
  for (const item of items) {
    const part = readPart(item, { ...around, shape }, reading)
    if (part.kind === 'model' && (part.model.inputs.length !== 1 || part.model.outputs.length !== 1)) {
      reading.fail(`model '${part.name}': expected a model of one input and one output within a Sequential`)
    }
    shape ??= part.kind === 'model' ? part.model.inputs[0] : undefined
    if (shape === undefined)
      return reading.fail(`model '${name}': the shape of its input is not known, as it was not built`)
    if (parts.length === 0) parts.push({ ...given, shape })
    shape =
      part.kind === 'model' ? part.model.outputs[0] : rowShapeOf((part as { layer: ReadLayer }).layer, [shape], reading)
    parts.push(part)
  }
  checkNames(name, parts.flatMap(namesOf), reading)
  const calls = parts.map(
    (_, i): GraphCall => ({ layer: i, sources: i === 0 ? [] : [i - 1], tensors: i === 0 ? [] : [0] }),
  )
  const outputs = [{ call: parts.length - 1, tensor: 0 }]
  const ends = { inputs: [0], inputNames: [given.name], outputs, outputNames: [parts.at(-1)?.name as string] }
  const read = addGraph(
    { className: sequential, name, parts, calls, ...ends, outputForm: 'single' },
    around.tables,
    reading,
  )
  return { ...read, layers: read.layers.slice(1) }
}

const namesOf = (part: GraphPart) => (part.kind === 'layer' ? part.layer.made.map(nameOf) : [part.name])

function readFunctional(
  className: string,
  name: string,
  config: JsonObject,
  items: readonly Item[],
  around: Around,
  reading: Reading,
): ReadModel {
  const at = `model '${name}'`
  const numbers = new Map(items.map((item, i) => [item.name, i]))
  const classOf = (layer: string) => items[numbers.get(layer) ?? -1]?.className ?? ''
  const counting: Counting = {
    isNested: (layer) => isModel(classOf(layer)),
    isFunctional: (layer) => functional.includes(classOf(layer)),
  }
  const parts = items.map((item) => readPart(item, { ...around, shape: undefined }, reading))
  checkNames(name, parts.flatMap(namesOf), reading)
  const nodes = items.map((item): readonly ReadNode[] => {
    const here = `layer '${item.name}'`
    const read = readNodes(item.entry.inbound_nodes, here, counting, reading)
    if (item.className !== 'InputLayer') return read
    return read.length === 0 ? [{ sources: [] }] : reading.fail(`${here}: expected an input, which reads nothing`)
  })
  const first: number[] = []
  let count = 0
  for (const each of nodes) {
    first.push(count)
    count += each.length
  }
  if (count > mostCalls) reading.fail(`${at}: expected at most ${mostCalls} calls of layers, got ${count}`)
  const endOf = ({ layer, node, tensor }: Ref, here: string): End => {
    const number = numbers.get(layer)
    if (number === undefined) return reading.fail(`${here}: there is no layer '${layer.slice(0, 60)}'`)
    if (node >= (nodes[number] as ReadNode[]).length)
      return reading.fail(`${here}: '${layer}' has no call number ${node}`)
    return { call: (first[number] as number) + node, tensor }
  }
  const calls = nodes.flatMap((each, layer) => {
    const here = `layer '${(items[layer] as Item).name}'`
    return each.map((node): GraphCall => {
      const ends = inInputOrder(parts[layer] as GraphPart, node, here, reading).map((ref) => endOf(ref, here))
      if (ends.length === 0 && parts[layer]?.kind !== 'input') return reading.fail(`${here}: it reads nothing`)
      return { layer, sources: ends.map(({ call }) => call), tensors: ends.map(({ tensor }) => tensor) }
    })
  })
  const inputs = readEnds(config.input_layers, `${at}: input_layers`, counting, reading)
  const given = inputs.refs.map((ref) => {
    const { call } = endOf(ref, `${at}: input_layers`)
    const isInput = parts[(calls[call] as GraphCall).layer]?.kind === 'input'
    return isInput ? call : reading.fail(`${at}: input_layers: '${ref.layer}' is no input`)
  })
  checkNames(
    name,
    inputs.refs.map(({ layer }) => layer),
    reading,
  )
  const outputs = readEnds(config.output_layers, `${at}: output_layers`, counting, reading)
  if (outputs.refs.length === 0 || given.length === 0) reading.fail(`${at}: expected an input and an output`)
  const ends = outputs.refs.map((ref) => endOf(ref, `${at}: output_layers`))
  return addGraph(
    {
      className,
      name,
      parts,
      calls,
      inputs: given,
      inputNames: inputs.keys ?? inputs.refs.map(({ layer }) => layer),
      outputs: ends,
      outputNames: outputs.keys ?? distinct(outputs.refs.map(({ layer }) => layer)),
      outputForm: ends.length === 1 ? 'single' : outputs.keys === undefined ? 'list' : 'record',
    },
    around.tables,
    reading,
  )
}

/** The tensors of a call in the order of the inputs of a nested model, which may be given by name. */
function inInputOrder(part: GraphPart, { sources, keys }: ReadNode, at: string, reading: Reading): readonly Ref[] {
  if (keys === undefined) return sources
  const names = part.kind === 'model' ? part.model.inputNames : []
  const ordered = names.map((name) => sources[keys.indexOf(name)])
  const isWhole = ordered.length === sources.length && !ordered.includes(undefined)
  return isWhole
    ? (ordered as Ref[])
    : reading.refuse(at, `tensors for the inputs ${names.join(', ')}`, keys.join(', '))
}
