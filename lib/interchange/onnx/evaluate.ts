/** Goes through the nodes of a graph and finds what each of them computes. */

import { NeurodeError } from '../../base/errors.js'
import { Attributes } from './attributes.js'
import type { Budget } from './budget.js'
import type { Constant } from './constants.js'
import type { GraphNode, OnnxGraph } from './graph.js'
import { classical } from './operators/classical.js'
import { elementwise } from './operators/elementwise.js'
import { linear } from './operators/linear.js'
import { normalizing } from './operators/normalizing.js'
import type { Call, OperatorRow, Operators } from './operators/operator.js'
import { reducing } from './operators/reducing.js'
import { shaping } from './operators/shaping.js'
import { nodeProblem, Problem, problem } from './problem.js'
import { isTerm, type Terms, type Value } from './terms.js'

const domains: Readonly<Record<string, Operators>> = {
  '': { ...elementwise, ...linear, ...normalizing, ...shaping, ...reducing },
  'ai.onnx.ml': classical,
}

/** Computes the values of all nodes. What is not read becomes a term that says why: an output may do without it. */
export async function evaluate(
  { nodes }: OnnxGraph,
  values: Map<string, Value>,
  make: Terms,
  batch: number | undefined,
  budget: Budget,
): Promise<void> {
  const made = new Map<string, Constant>()
  const derived: Call['derived'] = (key, makeConstant) => {
    const known = made.get(key) ?? makeConstant()
    made.set(key, known)
    return known
  }
  for (const node of nodes) {
    const results = await resultsOf(node, values, make, batch, derived)
    for (const [i, name] of node.proto.output.entries()) {
      const result = results[i] ?? make.refused(nodeProblem(node.origin, `its output ${i} is not read`))
      budget.count(result)
      if (name !== '') values.set(name, result)
    }
  }
}

async function resultsOf(
  { proto, origin }: GraphNode,
  values: ReadonlyMap<string, Value>,
  make: Terms,
  batch: number | undefined,
  derived: Call['derived'],
): Promise<readonly Value[]> {
  make.origin = origin
  const inputs = proto.input.map((name) => (name === '' ? undefined : values.get(name)))
  const refused = inputs.find((value) => isTerm(value) && value.op === 'refused')
  const all = (value: Value) => proto.output.map(() => value)
  if (refused !== undefined) return all(refused)
  try {
    const [since, run] = rowOf(origin.domain, origin.operator)
    if (origin.opset === 0) problem(`the model does not say which version of '${origin.domain}' it uses`)
    if (origin.opset < since) problem(`it is read from opset ${since} on`)
    const attributes = new Attributes(proto.attribute)
    const outputs = proto.output.length
    const result = await run({ origin, inputs, attributes, outputs, make, batch, derived })
    attributes.finish()
    return Array.isArray(result) ? result : [result as Value]
  } catch (error) {
    if (!(error instanceof Problem || error instanceof NeurodeError)) throw error
    return all(make.refused(nodeProblem(origin, error.message)))
  }
}

function rowOf(domain: string, operator: string): OperatorRow {
  const operators = Object.hasOwn(domains, domain) ? domains[domain] : undefined
  const found = operators !== undefined && Object.hasOwn(operators, operator) ? operators[operator] : undefined
  return found ?? problem('no layer computes this operator')
}
