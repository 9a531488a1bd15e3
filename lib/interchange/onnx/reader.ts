/** Reads ONNX models: the graph is computed with terms, patterns in it become layers, and these a model file. */

import { NeurodeError } from '../../base/errors.js'
import { warn } from '../../base/warnings.js'
import { refuse } from '../../checks/validate.js'
import { ModelCore } from '../../core/core.js'
import { traceGraph } from '../../core/graph.js'
import { damaged, readBytes } from '../../files/files.js'
import { callLayer, type SymbolicTensor } from '../../layers/layer.js'
import { Identity, Input } from '../../layers/shaping.js'
import type { InputType } from '../../layers/types.js'
import { describeLayers, type JsonObject } from '../../persistence/description.js'
import { describeStructure } from '../../persistence/graphDescription.js'
import type { ModelFile } from '../../persistence/modelFile.js'
import { importedFile } from '../imported.js'
import type { ReadForeign } from '../reading.js'
import { Budget } from './budget.js'
import { elementTypeOf, isFloating, isInteger } from './constants.js'
import { evaluate } from './evaluate.js'
import { besideModel } from './external.js'
import { parseModel } from './file.js'
import { graphOf, type OnnxGraph } from './graph.js'
import { LayerMaker } from './layers.js'
import { lower } from './lowering.js'
import type { ModelProto, ValueInfoProto } from './onnx-ml_pb.js'
import { Problem, problem, shortName } from './problem.js'
import { readTensor } from './tensors.js'
import { isConstant, isTerm, type Term, Terms, type Value } from './terms.js'

/** Reads an ONNX model from a file, with the files beside it that it names. */
export const readOnnx: ReadForeign = async (path, { outputs }) => {
  const bytes = await readBytes(path)
  const model = await blaming(path, () => parseModel(bytes))
  const names = model.graph?.output.map(({ name }) => name) ?? []
  const unknown = outputs?.find((name) => !names.includes(name))
  if (unknown !== undefined) refuse('outputs', `names of outputs, of which there are ${names.join(', ')}`, unknown)
  return blaming(path, () => imported(path, model, outputs))
}

/** Errors of the work are those of the file, and name it. */
async function blaming<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isOther = error instanceof NeurodeError && error.code === 'ERR_FILE_NOT_FOUND'
    if (isOther || !(error instanceof Problem || error instanceof NeurodeError)) throw error
    throw error.message.startsWith(path) ? error : damaged(path, error.message, error)
  }
}

interface Output {
  readonly name: string
  readonly term: Term
}

async function imported(path: string, model: ModelProto, names: readonly string[] | undefined): Promise<ModelFile> {
  const wanted = wantedOutputs(model, names)
  const graph = graphOf(model, wanted)
  const make = new Terms()
  const { inputs, batch } = inputTerms(graph, make)
  const values = new Map<string, Value>(inputs)
  const beside = besideModel(path)
  for (const [name, tensor] of graph.initializers) {
    if (graph.needed.has(name)) values.set(name, await readTensor(tensor, beside))
  }
  const budget = new Budget([...values.values()].filter(isConstant))
  await evaluate(graph, values, make, batch, budget)
  const { outputs, dropped } = readOutputs(wanted, values, names !== undefined)
  const used = usedInputs(outputs, inputs)
  const unused = graph.inputs.filter(({ name }) => !used.has(name)).map(({ name }) => `the input '${shortName(name)}'`)
  const left = [...dropped, ...unused]
  if (left.length > 0) warn('NEURODE_NOT_READ', `${path}: not read: ${left.join('; ')}`)
  return importedFile(path, describe(outputs, used, budget))
}

/** The outputs that the caller names, or all. */
function wantedOutputs({ graph }: ModelProto, names: readonly string[] | undefined): ValueInfoProto[] {
  if (graph === undefined) return problem('expected an ONNX model, got one without a graph')
  const all = new Map(graph.output.map((output) => [output.name, output]))
  if (all.size === 0) problem('it has no outputs')
  if (all.size !== graph.output.length) problem('two outputs have the same name')
  if (names === undefined) return graph.output
  return graph.output.filter(({ name }) => names.includes(name))
}

/** The inputs as terms, and the number of rows that they declare, if any. */
function inputTerms({ inputs, needed }: OnnxGraph, make: Terms) {
  const terms = new Map<string, Term>()
  let batch: number | undefined
  for (const { name, type } of inputs.filter((input) => needed.has(input.name))) {
    const text = `input '${shortName(name)}'`
    if (type?.value.case !== 'tensorType') return problem(`${text} is no tensor`)
    const { elemType, shape } = type.value.value
    const element = elementTypeOf(elemType)
    if (element === undefined || (!isFloating(element) && !isInteger(element)))
      return problem(`${text} is of a type that is not read`)
    if (shape === undefined) return problem(`${text} has no shape`)
    const [rows, ...row] = shape.dim.map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : undefined))
    if (shape.dim.length === 0) return problem(`${text} has no dimension of rows`)
    if (rows !== undefined && rows > 0) {
      if (batch !== undefined && batch !== rows) problem(`its inputs declare ${batch} and ${rows} rows`)
      batch = rows
    }
    const sizes = row.map((size, i) =>
      size !== undefined && size > 0 ? size : problem(`${text}: the size of dimension ${i + 1} is not known`),
    )
    make.origin = undefined
    terms.set(name, make.input(name, sizes, isFloating(element) ? 'float' : 'integer'))
  }
  return { inputs: terms, batch }
}

/** The outputs that are numbers. Labels and what else no layer computes is dropped, unless the caller asks for it. */
function readOutputs(wanted: readonly ValueInfoProto[], values: ReadonlyMap<string, Value>, asked: boolean) {
  const outputs: Output[] = []
  const dropped: string[] = []
  let first: Problem | undefined
  for (const { name, type } of wanted) {
    const term = values.get(name)
    const text = `the output '${shortName(name)}'`
    const declared = type?.value.case === 'tensorType' ? elementTypeOf(type.value.value.elemType) : undefined
    const isLabel = declared !== undefined && !isFloating(declared)
    if (!isTerm(term)) problem(`${text} is a constant: no input changes it`)
    else if (term.op === 'refused' || term.kind !== 'float') {
      const error = term.op === 'refused' ? term.error : new Problem(`${text} is no floating-point number`)
      if (asked || !isLabel) throw error
      first ??= error
      dropped.push(`${text}, as ${error.message}`)
    } else if (isLabel) problem(`${text} is declared as ${declared}, but is computed as floating-point numbers`)
    else outputs.push({ name, term })
  }
  if (outputs.length === 0) throw first ?? new Problem('it has no outputs')
  return { outputs, dropped }
}

/** The inputs that the outputs depend on, in the order of the file. */
function usedInputs(outputs: readonly Output[], inputs: ReadonlyMap<string, Term>): Map<string, Term> {
  const seen = new Set<Term>()
  const way = outputs.map(({ term }) => term)
  for (let term = way.pop(); term !== undefined; term = way.pop()) {
    if (seen.has(term)) continue
    seen.add(term)
    way.push(...term.args)
  }
  return new Map([...inputs].filter(([, term]) => seen.has(term)))
}

/** Makes layers of the outputs' terms, and describes them: as a chain of layers where they are one. */
function describe(outputs: readonly Output[], inputs: ReadonlyMap<string, Term>, budget: Budget) {
  const sources = [...inputs].map(([name, term]) => ({ name, term, tensor: inputTensor(term) }))
  const maker = new LayerMaker(budget)
  const known = new Map(sources.map(({ term, tensor }) => [term, tensor]))
  const terms = outputs.map(({ term }) => term)
  const made = lower(terms, known, maker)
  const from = sources.map(({ tensor }) => tensor)
  const chain = chainOf(from, made)
  if (chain !== undefined) {
    const [{ shape }] = from as [SymbolicTensor]
    const model = { name: 'sequential', inputShape: shape, layers: describeLayers(chain) } as JsonObject
    return { model, weights: maker.weights }
  }
  const core = new ModelCore(undefined, 0, 'functional')
  const outputNames = outputs.map(({ name }) => name)
  const inputNames = sources.map(({ name }) => name)
  core.setGraph({ inputs: from, outputs: made, inputNames, outputNames, outputForm: 'record' })
  return { model: describeStructure(core), weights: maker.weights }
}

function inputTensor({ shape, kind }: Term): SymbolicTensor {
  const sizes = shape.length === 0 ? [1] : [...shape]
  const dtype: InputType = kind === 'integer' ? 'int32' : 'float32'
  return callLayer(new Input({ shape: sizes }), [], [sizes], dtype)[0] as SymbolicTensor
}

/** The layers of a model that is a chain; undefined where it is a graph. */
function chainOf(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]) {
  const [input, output] = [inputs[0] as SymbolicTensor, outputs[0] as SymbolicTensor]
  if (inputs.length > 1 || outputs.length > 1) return undefined
  if (input === output) return [new Identity()]
  const { calls } = traceGraph(inputs, outputs)
  const layers = calls.map(({ layer }) => layer)
  const isChain = calls.every(({ sources }, i) => {
    return sources.length === 1 && sources[0] === (i === 0 ? input : calls[i - 1]?.outputs[0])
  })
  return isChain && new Set(layers).size === layers.length ? layers : undefined
}
