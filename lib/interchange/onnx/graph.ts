/** The graph of a model: nodes in an order in which they can be computed, and only those that the wanted outputs need. */

import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './onnx-ml_pb.js'
import { nodeProblem, type Origin, problem, shortName } from './problem.js'

export interface GraphNode {
  readonly proto: NodeProto
  readonly origin: Origin
}

export interface OnnxGraph {
  /** All inputs that are no initializers. */
  readonly inputs: readonly ValueInfoProto[]
  readonly outputs: readonly ValueInfoProto[]
  readonly initializers: ReadonlyMap<string, TensorProto>
  /** Nodes that the outputs need, each after those that it reads. */
  readonly nodes: readonly GraphNode[]
  /** All names of inputs and initializers that the outputs need. */
  readonly needed: ReadonlySet<string>
}

const newest = 28
const mostNodes = 100_000
const mainDomain = (domain: string) => (domain === 'ai.onnx' ? '' : domain)

/** Checks a model's graph, and takes of it what the wanted outputs need; default all outputs. */
export function graphOf(model: ModelProto, wanted: readonly ValueInfoProto[]): OnnxGraph {
  const graph = model.graph as GraphProto
  const versions = versionsOf(model)
  if (graph.node.length > mostNodes) problem(`expected at most ${mostNodes} nodes, got ${graph.node.length}`)
  const initializers = new Map<string, TensorProto>()
  for (const tensor of graph.initializer) {
    if (tensor.name === '') problem('an initializer has no name')
    if (initializers.has(tensor.name)) problem(`two initializers are called '${shortName(tensor.name)}'`)
    initializers.set(tensor.name, tensor)
  }
  const inputs = graph.input.filter(({ name }) => !initializers.has(name))
  const known = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)])
  if (known.size !== initializers.size + inputs.length) problem('two inputs have the same name')
  for (const { values } of graph.sparseInitializer) {
    if (values !== undefined && known.has(values.name)) problem(`two values are called '${shortName(values.name)}'`)
  }
  const functions = new Set(model.functions.map(({ domain, name }) => `${mainDomain(domain)}::${name}`))
  const makers = new Map<string, GraphNode>()
  for (const [i, proto] of graph.node.entries()) {
    const domain = mainDomain(proto.domain)
    const name = proto.name === '' ? `#${i}` : proto.name
    const origin = { name, operator: proto.opType, domain, opset: versions.get(domain) ?? 0 }
    if (functions.has(`${domain}::${proto.opType}`)) {
      throw nodeProblem(
        origin,
        'it calls a function of the model, which is not read; export it with functions written out',
      )
    }
    if (proto.output.every((output) => output === '')) throw nodeProblem(origin, 'it has no output')
    for (const output of proto.output.filter((text) => text !== '')) {
      if (known.has(output) || makers.has(output)) throw nodeProblem(origin, `'${shortName(output)}' is there already`)
      makers.set(output, { proto, origin })
    }
  }
  const { nodes, needed } = sorted(wanted, makers, known)
  return { inputs, outputs: wanted, initializers, nodes, needed }
}

/** The versions of operators that the model uses, by domain. */
function versionsOf({ opsetImport }: ModelProto): ReadonlyMap<string, number> {
  const versions = new Map<string, number>()
  for (const { domain, version } of opsetImport) {
    const key = mainDomain(domain)
    if (versions.has(key)) problem(`it has two versions of the operators of '${shortName(domain)}'`)
    versions.set(key, Number(version))
  }
  const main = versions.get('')
  if (main === undefined) return problem('it does not say which opset it uses')
  if (!(main >= 1 && main <= newest)) problem(`opsets up to ${newest} are read, got opset ${main}`)
  return versions
}

/** Follows the outputs back to inputs and initializers, without recursion, as graphs may be deep. */
function sorted(
  wanted: readonly ValueInfoProto[],
  makers: ReadonlyMap<string, GraphNode>,
  known: ReadonlySet<string>,
): { nodes: GraphNode[]; needed: Set<string> } {
  const nodes: GraphNode[] = []
  const needed = new Set<string>()
  const [begun, finished] = [new Set<NodeProto>(), new Set<NodeProto>()]
  const way: { node: GraphNode; next: number }[] = []
  const begin = (name: string, whose: string) => {
    if (known.has(name)) {
      needed.add(name)
      return
    }
    const node = makers.get(name)
    if (node === undefined) return problem(`${whose} needs '${shortName(name)}', which nothing makes`)
    if (finished.has(node.proto)) return
    if (begun.has(node.proto)) throw nodeProblem(node.origin, 'it needs its own output: the graph has a cycle')
    begun.add(node.proto)
    way.push({ node, next: 0 })
  }
  for (const { name } of wanted) {
    begin(name, 'an output')
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const { node } = top
      const input = node.proto.input[top.next++]
      if (input === '') continue
      if (input !== undefined) begin(input, `node '${shortName(node.origin.name)}'`)
      else {
        finished.add(node.proto)
        nodes.push(node)
        way.pop()
      }
    }
  }
  return { nodes, needed }
}
