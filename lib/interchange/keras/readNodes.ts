/** Reads how the layers of a Functional are connected, in the forms of Keras 3, older Keras and TensorFlow.js. */

import type { Json } from '../../persistence/description.js'
import { isObject, type Reading } from './reading.js'

/** A tensor: output `tensor` of call `node` of a layer. */
export interface Ref {
  readonly layer: string
  readonly node: number
  readonly tensor: number
}

/** One call of a layer: the tensors that it takes, one by one or as a list or by the names of inputs. */
export interface ReadNode {
  readonly sources: readonly Ref[]
  /** Names of the inputs, where a nested model is given its tensors by name. */
  readonly keys?: readonly string[] | undefined
}

/** Calls of nested models are counted from 1 in these forms: models had a call of their own, from their inputs to their outputs. */
export interface Counting {
  readonly isNested: (layer: string) => boolean
  readonly isFunctional: (layer: string) => boolean
}

/** The calls of a layer. */
export function readNodes(value: Json | undefined, at: string, counting: Counting, reading: Reading): ReadNode[] {
  return reading.list(value, `${at}: inbound_nodes`).map((node, i) => {
    const here = `${at}: inbound_nodes[${i}]`
    return Array.isArray(node) ? readOldNode(node, here, counting, reading) : readNode(node, here, reading)
  })
}

/** `[["dense", 0, 0, {}], …]`, as Keras 2 and TensorFlow.js write it. */
function readOldNode(node: readonly Json[], at: string, counting: Counting, reading: Reading): ReadNode {
  const isFlat = typeof node[0] === 'string'
  return {
    sources: (isFlat ? [node] : node).map((ref, i) => {
      const [layer, call, tensor, kwargs = {}] = reading.list(ref as Json, `${at}[${i}]`)
      refuseArguments(kwargs as Json, `${at}[${i}]`, reading)
      return countedFrom1(toRef(layer, call, tensor, `${at}[${i}]`, reading), counting.isNested, `${at}[${i}]`, reading)
    }),
  }
}

/** `{ args: [tensor or list of tensors], kwargs }`, as Keras 3 writes it. */
function readNode(node: Json, at: string, reading: Reading): ReadNode {
  const { args, kwargs } = reading.object(node, at)
  const [first, ...others] = reading.list(args, `${at}: args`)
  if (others.some((value) => value !== null)) {
    return reading.fail(`${at}: expected one argument, a tensor or a list of tensors; others cannot be read`)
  }
  refuseArguments(kwargs ?? {}, at, reading)
  if (Array.isArray(first))
    return { sources: first.map((tensor, i) => readTensor(tensor, `${at}: args[0][${i}]`, reading)) }
  if (isObject(first) && first.class_name === undefined) {
    const entries = Object.entries(first)
    const sources = entries.map(([key, tensor]) => readTensor(tensor, `${at}: args[0].${key.slice(0, 60)}`, reading))
    return { sources, keys: entries.map(([key]) => key) }
  }
  return { sources: [readTensor(first, `${at}: args[0]`, reading)] }
}

function readTensor(value: Json | undefined, at: string, reading: Reading): Ref {
  const { class_name: className, config } = reading.object(value, at)
  if (className !== '__keras_tensor__') return reading.refuse(`${at}: class_name`, "'__keras_tensor__'", className)
  const { keras_history: history } = reading.object(config, `${at}: config`)
  const [layer, call, tensor, ...more] = reading.list(history, `${at}: keras_history`)
  if (more.length > 0) return reading.refuse(`${at}: keras_history`, 'a list of three', history)
  return toRef(layer, call, tensor, at, reading)
}

function toRef(
  layer: Json | undefined,
  node: Json | undefined,
  tensor: Json | undefined,
  at: string,
  reading: Reading,
): Ref {
  const isCount = (value: Json | undefined) => Number.isSafeInteger(value) && Number(value) >= 0
  if (typeof layer === 'string' && isCount(node) && isCount(tensor)) {
    return { layer, node: Number(node), tensor: Number(tensor) }
  }
  return reading.fail(`${at}: expected the name of a layer and the numbers of a call and of its output, counted from 0`)
}

function countedFrom1(ref: Ref, counts: (layer: string) => boolean, at: string, reading: Reading): Ref {
  if (!counts(ref.layer)) return ref
  return ref.node > 0
    ? { ...ref, node: ref.node - 1 }
    : reading.fail(`${at}: expected a call of the model '${ref.layer}', which are counted from 1`)
}

/** Throws for arguments of a call other than null, such as `training`. */
function refuseArguments(kwargs: Json, at: string, reading: Reading): void {
  const isNone = (value: Json) => [value].flat().every((each) => each === null)
  const other = Object.entries(reading.object(kwargs, `${at}: kwargs`)).find(([, value]) => !isNone(value))
  if (other !== undefined) reading.fail(`${at}: the argument '${other[0].slice(0, 60)}' of a call cannot be read`)
}

/** The inputs or outputs of a model: the tensors, and their keys where they are given by name. */
export interface Ends {
  readonly refs: readonly Ref[]
  readonly keys: readonly string[] | undefined
  /** Whether it is a list, of one tensor too. */
  readonly isList: boolean
}

/** Reads `input_layers` or `output_layers`: one tensor, a list, or an object by names, which Keras sorts. */
export function readEnds(value: Json | undefined, at: string, counting: Counting, reading: Reading): Ends {
  const end = (item: Json, here: string): Ref => {
    const [layer, call, tensor, ...more] = reading.list(item, here)
    if (more.length > 0) return reading.refuse(here, 'a list of three', item)
    const counts = reading.era === 'keras3' ? counting.isFunctional : counting.isNested
    return countedFrom1(toRef(layer, call, tensor, here, reading), counts, here, reading)
  }
  if (Array.isArray(value)) {
    if (typeof value[0] === 'string') return { refs: [end(value, at)], keys: undefined, isList: false }
    return { refs: value.map((item, i) => end(item as Json, `${at}[${i}]`)), keys: undefined, isList: true }
  }
  const byKey = Object.entries(reading.object(value, at)).sort(([a], [b]) => (a < b ? -1 : 1))
  const refs = byKey.map(([key, item]) => end(item, `${at}.${key.slice(0, 60)}`))
  return { refs, keys: byKey.map(([key]) => reading.name(key, at)), isList: true }
}
