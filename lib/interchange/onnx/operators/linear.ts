/** Products with constant matrices. */

import { arrayOf, type Constant, constant, isFloating } from '../constants.js'
import { foldTranspose } from '../folding.js'
import { problem } from '../problem.js'
import { besideRows, isConstant, isTerm, repeated, type Term } from '../terms.js'
import { arithmetic } from './elementwise.js'
import { type Call, checkInputs, inputAt, type Operators, termAt } from './operator.js'

/** A constant matrix as a kernel [inputs, outputs], in float32. */
function kernelOf(call: Call, matrix: Constant, transposed: boolean, alpha: number): Constant {
  if (!isFloating(matrix.type)) problem(`its matrix is of ${matrix.type}, expected floating-point numbers`)
  if (matrix.shape.length !== 2) problem(`expected a matrix of two dimensions, got shape [${matrix.shape}]`)
  return call.derived(`kernel ${matrix.id} ${transposed} ${alpha}`, () => {
    const plain = transposed ? foldTranspose(matrix, [1, 0]) : matrix
    const data = Float32Array.from(plain.data)
    // A loop, as a function that is given to `from` takes a hundred times as long.
    if (alpha !== 1) for (let i = 0; i < data.length; i++) data[i] = (plain.data[i] as number) * alpha
    return constant('float32', plain.shape, data, matrix.name)
  })
}

function gemm(call: Call): Term {
  checkInputs(call, 3)
  const { attributes, make, derived } = call
  const [alpha, beta] = [attributes.float('alpha') ?? 1, attributes.float('beta') ?? 1]
  const [transA, transB] = [attributes.flag('transA') ?? false, attributes.flag('transB') ?? false]
  const [x, matrix, added] = [inputAt(call, 0), inputAt(call, 1), call.inputs[2]]
  if (!isTerm(x)) return problem('its matrix A is a constant: the rows of the batch would be columns')
  if (!isConstant(matrix))
    return problem('its matrix B is no constant but depends on the inputs: no layer computes that')
  if (transA) problem('transA is read for constants alone: the rows of the batch would be columns')
  if (x.shape.length !== 1) problem(`expected rows of one dimension, got rows of shape [${x.shape}]`)
  const kernel = kernelOf(call, matrix, transB, alpha)
  const units = kernel.shape[1] as number
  if (added === undefined || beta === 0) return make.dense(x, kernel, undefined)
  const product = make.dense(x, kernel, undefined)
  if (isTerm(added)) return arithmetic(make, 'Add', product, make.scaled(added, beta)) as Term
  const row = besideRows(added, product)
  const bias = derived(`bias ${added.id} ${beta} ${units}`, () => {
    const data = Float32Array.from(repeated(row, [units]), (value) => value * beta)
    return constant('float32', [units], data, added.name)
  })
  return make.dense(x, kernel, bias)
}

function matMul(call: Call): Term {
  checkInputs(call, 2)
  const { make } = call
  const [a, b] = [inputAt(call, 0), inputAt(call, 1)]
  if (isTerm(a) && isTerm(b)) return problem('none of its matrices is a constant: no layer computes that')
  if (isTerm(a)) return timesMatrix(call, a, b as Constant)
  const x = termAt(call, 1)
  const matrix = a as Constant
  const rank = x.shape.length
  if (matrix.shape.length !== 2 || rank < 2)
    return problem('its first matrix is a constant: rows of the batch would meet one another')
  const order = x.shape.map((_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i))
  return make.permute(make.dense(make.permute(x, order), kernelOf(call, matrix, true, 1), undefined), order)
}

function timesMatrix(call: Call, x: Term, matrix: Constant): Term {
  const { make, derived } = call
  const { shape, type, data, name } = matrix
  if (shape.length === 1) {
    const column = derived(`column ${matrix.id}`, () => constant(type, [...shape, 1], data, name))
    const product = make.dense(x, kernelOf(call, column, false, 1), undefined)
    return make.reshape(product, product.shape.slice(0, -1))
  }
  const leading = shape.slice(0, -2)
  const isPlain = leading.every((size) => size === 1) && shape.length <= x.shape.length + 1
  if (!isPlain) return problem(`a constant of shape [${shape}] is not read here`)
  const plain = derived(`matrix ${matrix.id}`, () =>
    leading.length === 0 ? matrix : constant(type, shape.slice(-2), data, name),
  )
  return make.dense(x, kernelOf(call, plain, false, 1), undefined)
}

/** `x · coefficients + intercepts` of scikit-learn's regressors. */
function linearRegressor(call: Call): Term {
  const { attributes, make } = call
  const x = termAt(call, 0)
  const targets = attributes.integer('targets') ?? 1
  const [coefficients, intercepts] = [attributes.floats('coefficients'), attributes.floats('intercepts')]
  if ((attributes.text('post_transform') ?? 'NONE') !== 'NONE') problem('post_transform is not read')
  const inputs = x.shape.at(-1) ?? 0
  if (x.shape.length !== 1 || coefficients?.length !== targets * inputs)
    return problem('coefficients do not fit the rows')
  const kernel = arrayOf('float32', coefficients.length)
  for (let i = 0; i < inputs; i++) {
    for (let unit = 0; unit < targets; unit++) kernel[i * targets + unit] = coefficients[unit * inputs + i] as number
  }
  if (intercepts !== undefined && intercepts.length !== targets) problem('intercepts do not fit the targets')
  const bias = intercepts && constant('float32', [targets], Float32Array.from(intercepts))
  return make.dense(x, constant('float32', [inputs, targets], kernel), bias)
}

export const linear: Operators = { Gemm: [7, gemm], MatMul: [1, matMul] }
export const linearModels: Operators = { LinearRegressor: [1, linearRegressor] }
