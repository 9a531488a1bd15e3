/** Targets that users pass: class indices, or rows with one value per output. */

import { NeurodeError } from '../base/errors.js'
import { checkRows, countRows, formatShape, type HeadTargets, read, type Source, type TargetRows } from './arrays.js'
import { toFloats, typeName } from './typedArrays.js'

/** Which targets the loss takes: see {@link toTargets}. */
export interface TargetsExpected {
  /** Size of the last dimension of the model's output. */
  readonly outputs: number
  /** Sizes of the other dimensions of an output row; default none. */
  readonly positionShape?: readonly number[] | undefined
  /** The loss takes class indices. */
  readonly classes: boolean
  /** The loss takes rows of outputs; default true. */
  readonly rows?: boolean | undefined
  /** Targets of this class are left out of the loss. */
  readonly ignoreClass?: number | undefined
  /** What a message says behind the shape of rows; default nothing. */
  readonly also?: string | undefined
}

/**
 * Turns `value` into targets. If the loss takes class indices, integers of shape `[n, ...positionShape]` or `[n, ...positionShape, 1]`
 * become class indices; everything else becomes rows of shape `[...positionShape, outputs]`. Throws `ERR_SHAPE`, `ERR_DTYPE` or
 * `ERR_LABEL_RANGE`; the message names `argumentName`.
 */
export function toTargets(value: unknown, expected: TargetsExpected, argumentName: string): HeadTargets {
  const { outputs, positionShape = [], classes, rows: takesRows = true } = expected
  const source = read(value, argumentName)
  const rowShape = formatShape(source.shape.slice(1))
  const isColumn = rowShape === formatShape(positionShape) || rowShape === formatShape([...positionShape, 1])
  if (classes && isColumn && (outputs > 1 || !takesRows)) {
    const rows = checkRows(source.shape[0] as number, argumentName)
    return { kind: 'classes', ...toClasses(source, outputs, expected.ignoreClass, argumentName), rows }
  }
  if (!takesRows) {
    const shapes = [[], [1]].map((last) => formatShape(['n', ...positionShape, ...last]))
    const expectedText = `class indices, one per ${positionShape.length > 0 ? 'position' : 'row'} (shape ${shapes.join(' or ')})`
    const hint =
      rowShape === formatShape([...positionShape, outputs])
        ? '; categoricalCrossentropy takes one-hot rows as well'
        : ''
    throw new NeurodeError(
      'ERR_SHAPE',
      `${argumentName}: expected ${expectedText}, got shape ${formatShape(source.shape)}${hint}`,
    )
  }
  const labels = classes && outputs > 1 ? ` or class indices of shape ${formatShape(['n', ...positionShape])}` : ''
  const rows = countRows(source, [...positionShape, outputs], argumentName, labels + (expected.also ?? ''))
  const { elements: data, scale, offset, lent } = source
  const plain = { kind: 'rows' as const, data, rows, lent }
  return scale === 1 && offset === 0 ? plain : { ...plain, scale, offset }
}

/** Reads rows of `width` targets for each position as float32, in memory that the caller does not own. Throws like {@link toTargets}. */
export function toRawTargets(
  value: unknown,
  width: number,
  positionShape: readonly number[],
  argumentName: string,
): { readonly data: Float32Array; readonly rows: number } {
  const source = read(value, argumentName)
  const isColumn = width === 1 && formatShape(source.shape) === formatShape([source.shape[0] ?? 0, ...positionShape])
  const also = width === 1 ? ` or ${formatShape(['n', ...positionShape])}` : ''
  const rows = countRows(source, isColumn ? positionShape : [...positionShape, width], argumentName, also)
  const { elements, scale, offset, lent } = source
  const data = toFloats(elements, scale, offset, argumentName)
  return { data: lent && data === elements ? data.slice() : data, rows }
}

/** Labels as int32. Labels of the class to ignore get the weight NaN, which leaves them out of the loss and the metrics. */
function toClasses(
  { elements, scale, offset, lent }: Source,
  outputs: number,
  ignoreClass: number | undefined,
  argumentName: string,
): { readonly data: Int32Array; readonly weights?: Float32Array; readonly lent: boolean } {
  const plain = scale === 1 && offset === 0 && ignoreClass === undefined
  const inPlace = plain && typeName(elements) === 'Int32Array'
  const labels = inPlace ? (elements as Int32Array) : new Int32Array(elements.length)
  const weights = ignoreClass === undefined ? undefined : new Float32Array(elements.length).fill(1)
  for (let row = 0; row < labels.length; row++) {
    const element = elements[row] as number
    const label = plain ? element : element * scale + offset
    if (weights !== undefined && label === ignoreClass) {
      weights[row] = Number.NaN
      continue
    }
    if (!(label >= 0 && label < outputs && Number.isInteger(label))) {
      const got = `got ${label} in row ${row}`
      throw new NeurodeError('ERR_LABEL_RANGE', `${argumentName}: expected class indices 0 to ${outputs - 1}, ${got}`)
    }
    if (!inPlace) labels[row] = label
  }
  return { data: labels, ...(weights && { weights }), lent: inPlace && lent }
}

/** Targets converted to int32 classes or float32 rows, for code in TypeScript. */
export function toPlainTargets(targets: HeadTargets): TargetRows {
  if (targets.kind === 'classes') return targets
  const { data: given, scale, offset, rows, weights, lent } = targets
  const data = toFloats(given, scale, offset)
  return { kind: 'rows', data, rows, weights, lent: lent && data === given }
}

/** Class indices as one-hot rows. */
export function toOneHot(labels: Int32Array, outputs: number): Float32Array {
  const values = new Float32Array(labels.length * outputs)
  for (let i = 0; i < labels.length; i++) values[i * outputs + (labels[i] as number)] = 1
  return values
}
