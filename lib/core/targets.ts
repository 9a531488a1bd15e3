/** Reads targets, and weights of rows, of all outputs of a model. Those of several lie side by side in a row. */

import { type ArrayInput, type GivenTargets, type HeadTargets, isNdArray, type TargetRows } from '../arrays/arrays.js'
import { ownArray } from '../arrays/lentRows.js'
import { toOneHot, toPlainTargets, toRawTargets, toTargets } from '../arrays/targets.js'
import { NeurodeError } from '../base/errors.js'
import { describe, isPlain } from '../checks/validate.js'
import { RowSource } from '../data/rowSource.js'
import type { ModelCore } from './core.js'
import { type HeadSetup, readsNoTargets } from './headSetup.js'
import { type OfOutput, ofOutputs } from './ofOutputs.js'
import {
  type Classes,
  type ClassWeights,
  checkClasses,
  classesOf,
  readWeights,
  type WeightOptions,
  weighTargets,
} from './rowWeights.js'

/** Weights of rows as the user passed them. */
export interface WeightsGiven extends Pick<WeightOptions, 'sampleWeight'> {
  readonly classWeight?: ClassWeights | undefined
  readonly weightArgument?: string | undefined
}

/** Reads targets in the forms that losses and metrics accept, and applies the weights of rows and classes. */
export function readTargets(
  core: ModelCore,
  value: unknown,
  rows: number,
  argument: string,
  { sampleWeight, classWeight, weightArgument = 'sampleWeight' }: WeightsGiven = {},
): GivenTargets {
  const values = valuesOfTargets(core, value, argument)
  const targets = joinTargets(
    core,
    values.map((each, i) => readHead(core, i, each, rows)),
    rows,
  )
  return weigh(core, targets, readSampleWeight(core, sampleWeight, rows, weightArgument), classWeight)
}

/** The targets of each output: of a list or a record, where it is one. Throws `ERR_SHAPE`, `ERR_ARGUMENT` or `ERR_UNKNOWN_NAME`. */
export function valuesOfTargets(core: ModelCore, value: unknown, argument: string): readonly OfOutput[] {
  const { heads } = core.built()
  const names = heads.map(({ name }) => name)
  const isOne = heads.length === 1
  if (isByOutput(core, value) || (!isOne && Array.isArray(value))) return ofOutputs(names, value, argument, 'ERR_SHAPE')
  if (isOne) return [{ value, argument }]
  const text = `${argument}: expected targets for each output, in a list or by name (${names.join(', ')})`
  throw new NeurodeError('ERR_ARGUMENT', `${text}, got ${describe(value)}`)
}

/** Whether a value has something for each output of a graph, in a list or by name, and is no array for all of them, however wrong. */
function isByOutput({ stack, shapes }: ModelCore, value: unknown): value is object {
  if (stack.graph === undefined || shapes === undefined || isNdArray(value)) return false
  const outputs = shapes.heads.length
  if (!Array.isArray(value)) return isPlain(value) && (outputs > 1 || !('data' in value && 'shape' in value))
  const isPart = (each: unknown) => (outputs > 1 ? typeof (each ?? null) === 'object' : isArray(each))
  return value.length === outputs && value.every(isPart)
}

const isArray = (value: unknown) => isNdArray(value) || value instanceof RowSource

/** Whether there are files among the targets. */
export function haveFiles(core: ModelCore, value: unknown): boolean {
  const parts: readonly unknown[] = isByOutput(core, value) ? Object.values(value) : [value]
  return parts.some((each) => each instanceof RowSource)
}

/** Copies of the targets, for a call that reads them after the caller may have changed them. */
export function ownTargets(core: ModelCore, value: unknown, argument: string): unknown {
  if (core.shapes === undefined) return ownArray(value, argument)
  const heads = core.settings && core.training().heads
  const own = valuesOfTargets(core, value, argument).map(({ value: each, argument: at }, i) => {
    if (heads !== undefined && readsNoTargets(heads[i] as HeadSetup)) return null
    return each === undefined || each === null || each instanceof RowSource ? each : ownArray(each, at)
  })
  return own.length === 1 ? own[0] : own
}

/** Like {@link ownTargets}, for the option `sampleWeight`. */
export function ownSampleWeight(core: ModelCore, value: unknown, argument: string): ArrayInput {
  const parts = core.shapes === undefined ? [] : weightsByOutput(core, value, argument)
  const isOne = parts.every((part) => part.value === value)
  const own = isOne ? ownArray(value, argument) : parts.map((part) => part.value && ownArray(part.value, part.argument))
  return own as ArrayInput
}

const customTargets = 'losses.custom({ targets: 1 })'

/** Reads the targets of one output; zeros stand for those that nothing reads. */
export function readHead(core: ModelCore, index: number, { value, argument }: OfOutput, rows: number): HeadTargets {
  const setup = core.training().heads[index] as HeadSetup
  const { head, loss, oneHot } = setup
  const { outputs, size } = head
  if (readsNoTargets(setup)) return { kind: 'rows', data: new Float32Array(rows * size), rows, lent: false }
  if ((value === undefined || value === null) && setup.prefix !== '') {
    throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected targets of output '${head.name}', got none`)
  }
  const ignoreClass = loss?.options.ignoreClass as number | undefined
  const positionShape = head.shape.slice(0, -1)
  if (setup.rawWidth !== undefined) return readRaw(setup, setup.rawWidth, value, rows, argument)
  const also = loss?.custom && outputs > 1 ? ` (${customTargets} takes class indices)` : ''
  const targets = toTargets(value, { outputs, positionShape, ...setup.targets, ignoreClass, also }, argument)
  if (targets.rows !== rows) {
    const onePerRow = targets.kind === 'rows' && size > 1 && targets.data.length === rows
    const other = loss?.custom ? customTargets : 'a categorical crossentropy'
    const hint = `; class indices go with ${other}, this loss takes ${size} values per row`
    refuseRows(argument, rows, targets.rows, onePerRow ? hint : '')
  }
  if (targets.kind !== 'classes' || !oneHot) return targets
  const data = toOneHot(targets.data, outputs)
  return { kind: 'rows', data, rows, weights: targets.weights, lent: false }
}

/** Targets that are not as wide as the output. Native code gets class indices: those that its metrics read, or zeros. */
function readRaw(setup: HeadSetup, width: number, value: unknown, rows: number, argument: string): HeadTargets {
  const { outputs, positions, shape } = setup.head
  const positionShape = shape.slice(0, -1)
  const raw = toRawTargets(value, width, positionShape, argument)
  if (raw.rows !== rows) refuseRows(argument, rows, raw.rows)
  const labels = setup.targets.classes
    ? toTargets(
        { data: raw.data, shape: [rows, ...positionShape] },
        { outputs, positionShape, ...setup.targets },
        argument,
      )
    : { kind: 'classes' as const, data: new Int32Array(rows * positions), rows, lent: false }
  return { ...labels, raw: [raw.data] }
}

function refuseRows(argument: string, expected: number, got: number, hint = ''): never {
  const text = `${argument}: expected ${expected} rows, as many as the input has, got ${got}`
  throw new NeurodeError('ERR_SHAPE', text + hint)
}

/** Joins the targets of all outputs; those of an only output stay as they are. */
export function joinTargets(core: ModelCore, parts: readonly HeadTargets[], rows: number): GivenTargets {
  const [only, ...others] = parts as [HeadTargets, ...HeadTargets[]]
  if (others.length === 0) return only
  const { heads } = core.training()
  const plain = parts.map(toPlainTargets)
  const columns = plain.reduce((sum, { data }) => sum + data.length / rows, 0)
  const data = new Float32Array(rows * columns)
  let begin = 0
  for (const part of plain) {
    putColumns(part.data, rows, data, columns, begin)
    begin += part.data.length / rows
  }
  const weights = plain.some((part) => part.weights)
    ? joinWeights(
        heads,
        plain.map((part) => part.weights),
        rows,
      )
    : undefined
  const classes = plain.map(({ kind }) => kind === 'classes')
  const raw = parts.map((part) => part.raw?.[0])
  return { kind: 'heads', data, classes, weights, rows, lent: false, raw }
}

/** Joins weights of the rows, or of their positions, of several outputs: one for each position, 1 where there are none. */
function joinWeights(
  heads: readonly HeadSetup[],
  parts: readonly (Float32Array | undefined)[],
  rows: number,
): Float32Array {
  const columns = heads.reduce((sum, { head }) => sum + head.positions, 0)
  const joined = new Float32Array(rows * columns).fill(1)
  let begin = 0
  heads.forEach(({ head: { positions } }, i) => {
    const part = parts[i]
    if (part !== undefined) {
      const each = part.length === rows ? positions : 1
      for (let at = 0; at < rows * positions; at++) {
        joined[Math.floor(at / positions) * columns + begin + (at % positions)] = part[Math.floor(at / each)] as number
      }
    }
    begin += positions
  })
  return joined
}

function putColumns(part: ArrayLike<number>, rows: number, joined: Float32Array, columns: number, begin: number): void {
  const size = part.length / rows
  for (let from = 0, to = begin; from < part.length; from += size, to += columns) {
    for (let i = 0; i < size; i++) joined[to + i] = part[from + i] as number
  }
}

/**
 * Reads the option `sampleWeight`: an array for all outputs, or a list or a record with one for each. Those of an only output are as
 * {@link readWeights} gives them; of several there is one for each position of each output.
 */
export function readSampleWeight(
  core: ModelCore,
  value: unknown,
  rows: number,
  argument: string,
): Float32Array | undefined {
  if (value === undefined || value === null) return undefined
  const { heads } = core.training()
  const parts = weightsByOutput(core, value, argument).map((each, i) => {
    const positionShape = (heads[i] as HeadSetup).head.shape.slice(0, -1)
    return readWeights(each.value as ArrayInput | undefined, rows, each.argument, positionShape)
  })
  if (parts.length === 1) return parts[0]
  return parts.every((part) => part === undefined) ? undefined : joinWeights(heads, parts, rows)
}

function weightsByOutput(core: ModelCore, value: unknown, argument: string): readonly OfOutput[] {
  const { heads } = core.built()
  const names = heads.map(({ name }) => name)
  return isByOutput(core, value) ? ofOutputs(names, value, argument) : names.map(() => ({ value, argument }))
}

/** Gives targets the product of row weights and class weights. The targets' values are read for class weights only. */
export function weigh(
  core: ModelCore,
  targets: GivenTargets,
  own: Float32Array | undefined,
  classes: ClassWeights | undefined,
): GivenTargets {
  checkClassWeights(core, classes)
  if (own === undefined && classes === undefined) return targets
  if (targets.kind === 'heads') {
    const { weights } = targets
    return { ...targets, weights: weights === undefined ? own : weights.map((each, i) => each * (own?.[i] ?? 1)) }
  }
  const read = classes === undefined ? (targets as TargetRows) : targetsWithClasses(targets)
  const { weights } = weighTargets(read, classesOfTargets(core), own, classes)
  return { ...targets, weights }
}

/** Throws `ERR_ARGUMENT` for weights of classes that a model does not have, and for any with several outputs. */
export function checkClassWeights(core: ModelCore, weights: ClassWeights | undefined): void {
  if (weights === undefined) return
  if (core.built().heads.length > 1) {
    const text = 'classWeight: expected none for a model with several outputs, which have classes of their own'
    throw new NeurodeError('ERR_ARGUMENT', `${text}; give sampleWeight, an array for each output`)
  }
  const { loss, rawWidth = 1 } = core.training().heads[0] as HeadSetup
  if (rawWidth > 1) {
    const text = `classWeight: expected none with loss '${loss?.name}', whose rows of ${rawWidth} targets have no class`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; give sampleWeight`)
  }
  checkClasses(weights, classesOfTargets(core))
}

/** The classes that the targets of an only output can have. */
export function classesOfTargets(core: ModelCore): Classes {
  const { head, loss, rawWidth } = core.training().heads[0] as HeadSetup
  return classesOf(rawWidth ?? head.outputs, loss?.targetRange)
}

/** The targets of an only output in the form that has their classes. */
export function targetsWithClasses(targets: HeadTargets): TargetRows {
  const [raw] = targets.raw ?? []
  if (raw === undefined) return toPlainTargets(targets)
  const { rows, weights } = targets
  return { kind: 'rows', data: raw, rows, weights, lent: false }
}
