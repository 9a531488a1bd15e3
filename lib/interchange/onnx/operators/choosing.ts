/** Comparisons of constants, and choices between them: what exporters compute of shapes. */

import { arrayOf, broadcastPlaces, broadcastShape, type Constant, constant, isInteger } from '../constants.js'
import { newCount } from '../folding.js'
import { problem } from '../problem.js'
import { isConstant, type Value } from '../terms.js'
import { type Call, inputAt } from './operator.js'

/** Whether integers are equal. The size of the batch is not known, but it is no negative number. */
export function foldEqual(call: Call): Value {
  const [a, b] = [inputAt(call, 0), inputAt(call, 1)]
  if (!isConstant(a) || !isConstant(b) || !isInteger(a.type) || a.type !== b.type) {
    return problem('it is read for constant integers alone')
  }
  const shape = broadcastShape(a.shape, b.shape)
  const data = arrayOf('bool', newCount(shape))
  const [x, y] = [broadcastPlaces(a.shape, shape), broadcastPlaces(b.shape, shape)]
  for (let i = 0; i < data.length; i++) {
    const [left, right] = [a.data[x?.[i] ?? i] as number, b.data[y?.[i] ?? i] as number]
    const known = (Number.isNaN(left) ? right : left) < 0 || !(Number.isNaN(left) || Number.isNaN(right))
    if (!known) problem('it depends on the number of rows')
    data[i] = Number(left === right)
  }
  return constant('bool', shape, data)
}

/** Elements of one constant or of another. */
export function foldWhere(condition: Constant, a: Constant, b: Constant): Constant {
  if (condition.type !== 'bool' || a.type !== b.type || a.type === 'string')
    return problem('its types do not go together')
  const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape))
  const data = arrayOf(a.type, newCount(shape))
  const [c, x, y] = [condition, a, b].map((value) => broadcastPlaces(value.shape, shape))
  for (let i = 0; i < data.length; i++) {
    const chosen = condition.data[c?.[i] ?? i] === 1 ? a.data[x?.[i] ?? i] : b.data[y?.[i] ?? i]
    data[i] = chosen as number
  }
  return constant(a.type, shape, data)
}
