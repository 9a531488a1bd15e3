/** Operators of the domain ai.onnx.ml, as converters of scikit-learn's models write them. */

import { problem } from '../problem.js'
import { floating, type Term, type Value } from '../terms.js'
import { linearModels } from './linear.js'
import { type Call, inputAt, type Operators, termAt } from './operator.js'

/** Probabilities as maps from label to number: the tensor of the probabilities says the same. */
function zipMap(call: Call): Value {
  call.attributes.ignore('classlabels_int64s', 'classlabels_strings')
  return inputAt(call, 0)
}

function scaler(call: Call): Term {
  const { attributes, make } = call
  const x = termAt(call, 0)
  const row = (name: string) => {
    const numbers = attributes.floats(name) ?? problem(`it lacks ${name}`)
    const data = Float64Array.from(numbers)
    const width = x.shape.at(-1)
    if (data.length !== 1 && data.length !== width) problem(`expected ${width} numbers as ${name}, got ${data.length}`)
    return { shape: x.shape.map((_, i) => (i === x.shape.length - 1 ? data.length : 1)), data }
  }
  if (x.shape.length !== 1) problem('expected rows of one dimension')
  return make.affine(make.affine(x, row('offset'), 'shift'), row('scale'), 'scale')
}

function normalizer(call: Call): Term {
  const x = termAt(call, 0)
  floating(x)
  const norm = call.attributes.text('norm') ?? 'MAX'
  if (norm !== 'L2' || x.shape.length !== 1) return problem(`the norm ${norm} is not read`)
  return call.make.layer('UnitNormalization', x, x.shape, { axis: [1] })
}

export const classical: Operators = {
  ZipMap: [1, zipMap],
  Scaler: [1, scaler],
  Normalizer: [1, normalizer],
  ...linearModels,
}
