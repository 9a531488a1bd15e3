/** What each activation is in ONNX: a row for every row of the native table that layers use. */

import { refuse } from '../../../checks/validate.js'
import type { PlanOp } from '../../../native/plan.js'
import { type CallSite, float, int } from './callSite.js'
import type { Attributes, Value } from './onnxGraph.js'

/** Adds the nodes that apply an activation to a tensor. `params` are the numbers of the native row, in its order. */
type ActivationRow = (site: CallSite, x: Value, params: readonly number[]) => Value

/** An operator of one input. */
const operator =
  (op: string, attributes: (params: readonly number[]) => Attributes = () => ({})): ActivationRow =>
  (site, x, params) =>
    site.node(op, [x], attributes(params))

/** An operator that came with a version, and what it stands for before. */
const since =
  (opset: number, row: ActivationRow, before: ActivationRow): ActivationRow =>
  (site, x, params) =>
    (site.opset >= opset ? row : before)(site, x, params)

const clip =
  (low: number, high: number): ActivationRow =>
  (site, x) =>
    site.plain('Clip', x, site.number(low), site.number(high))

const first = (name: string) => (params: readonly number[]) => ({ [name]: float(params[0] as number) })

const rows: Readonly<Record<string, ActivationRow>> = {
  linear: (_, x) => x,
  relu: operator('Relu'),
  relu6: clip(0, 6),
  leakyRelu: operator('LeakyRelu', first('alpha')),
  generalRelu: (site, x, [slope, most, threshold]) => {
    const [below, limit, edge] = [slope, most, threshold] as [number, number, number]
    if (edge === 0 && limit === Infinity) return site.node('LeakyRelu', [x], { alpha: float(below) })
    if (edge === 0 && below === 0) return clip(0, limit)(site, x, [])
    if (below === 0 && limit === Infinity) return site.node('ThresholdedRelu', [x], { alpha: float(edge) })
    const above = limit === Infinity ? x : clip(0, limit)(site, x, [])
    const falling = site.plain('Mul', site.plain('Sub', x, site.number(edge)), site.number(below))
    return site.plain('Where', greater(site, x, edge), above, falling)
  },
  elu: operator('Elu', first('alpha')),
  selu: operator('Selu'),
  celu: operator('Celu', first('alpha')),
  gelu: since(20, operator('Gelu'), (site, x) => {
    const erf = site.plain('Erf', site.plain('Div', x, site.number(Math.SQRT2)))
    return site.plain('Mul', site.plain('Mul', x, site.plain('Add', erf, site.number(1))), site.number(0.5))
  }),
  geluTanh: since(
    20,
    operator('Gelu', () => ({ approximate: { text: 'tanh' } })),
    (site, x) => {
      const cube = site.plain('Mul', site.plain('Mul', x, x), x)
      const inner = site.plain('Add', x, site.plain('Mul', cube, site.number(0.044715)))
      const tanh = site.plain('Tanh', site.plain('Mul', inner, site.number(Math.sqrt(2 / Math.PI))))
      return site.plain('Mul', site.plain('Mul', x, site.plain('Add', tanh, site.number(1))), site.number(0.5))
    },
  ),
  // Swish, of opset 24, is unknown to ONNX Runtime 1.30.
  silu: (site, x) => site.plain('Mul', x, site.plain('Sigmoid', x)),
  mish: since(18, operator('Mish'), (site, x) => {
    return site.plain('Mul', x, site.plain('Tanh', site.plain('Softplus', x)))
  }),
  sigmoid: operator('Sigmoid'),
  hardSigmoid: operator('HardSigmoid', () => ({ alpha: float(1 / 6), beta: float(0.5) })),
  hardSilu: since(14, operator('HardSwish'), (site, x) =>
    site.node('Mul', [x, site.node('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) })]),
  ),
  logSigmoid: (site, x) => {
    return site.plain('Neg', site.plain('Softplus', site.plain('Neg', x)))
  },
  tanh: operator('Tanh'),
  hardTanh: clip(-1, 1),
  tanhShrink: (site, x) => site.plain('Sub', x, site.plain('Tanh', x)),
  softShrink: operator('Shrink', ([threshold = 0]) => ({ lambd: float(threshold), bias: float(threshold) })),
  hardShrink: operator('Shrink', ([threshold = 0]) => ({ lambd: float(threshold), bias: float(0) })),
  softplus: operator('Softplus'),
  softsign: operator('Softsign'),
  // (x + s) / 2 with s = sqrt(x² + b) is relu(x) + b / 2 / (s + |x|), where nothing is lost for negative x.
  squareplus: (site, x, [b = 0]) => {
    if (b === 0) return site.plain('Relu', x)
    const root = site.plain('Sqrt', site.plain('Add', site.plain('Mul', x, x), site.number(b)))
    return site.plain(
      'Add',
      site.plain('Relu', x),
      site.plain('Div', site.number(b / 2), site.plain('Add', root, site.plain('Abs', x))),
    )
  },
  exponential: operator('Exp'),
  // With h from 0 to 1, x above 1 is 1 + (x - 1).
  sparsePlus: (site, x) => {
    const half = site.node('HardSigmoid', [x], { alpha: float(0.5), beta: float(0.5) })
    return site.plain('Add', site.plain('Mul', half, half), site.plain('Relu', site.plain('Sub', x, site.number(1))))
  },
  sparseSigmoid: operator('HardSigmoid', () => ({ alpha: float(0.5), beta: float(0.5) })),
  threshold: (site, x, [edge = 0, otherwise = 0]) =>
    otherwise === 0
      ? site.node('ThresholdedRelu', [x], { alpha: float(edge) })
      : site.plain('Where', greater(site, x, edge), x, site.number(otherwise)),
}

/** Activations of whole rows, with an axis, counted with that of the rows. */
const rowOperators: Readonly<Record<string, string>> = { softmax: 'Softmax', logSoftmax: 'LogSoftmax' }

/** Applies an activation; one of whole rows along an axis, counted with that of the rows. */
export function activate(site: CallSite, x: Value, { name, params }: PlanOp, axis = -1): Value {
  const ofRows = rowOperators[name]
  if (ofRows !== undefined) return site.node(ofRows, [x], { axis: int(axis) })
  const row = Object.hasOwn(rows, name) ? (rows[name] as ActivationRow) : undefined
  return row?.(site, x, params) ?? refuse(`save: layer '${site.name}'`, 'an activation that ONNX can hold', name)
}

function greater(site: CallSite, x: Value, edge: number): Value {
  return site.node('Greater', [x, site.number(edge)], {}, 'bool')
}
