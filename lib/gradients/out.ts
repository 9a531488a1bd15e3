/** Arrays of the caller that results of a pass go into. */

import { checkPresent } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkKeys, checkOptions, checkRecord, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { checkInto, checkOut } from '../core/heads.js'
import type { ForOutputs } from '../core/outputTypes.js'
import type { ModelHead, ModelShapes } from '../core/shapes.js'
import { placesOf, whyNone } from './gradients.js'
import { readersOfIntegers } from './inputs.js'
import { valuesOf } from './outputs.js'
import type { Computation, Sibling } from './siblings.js'

/**
 * Arrays that results are written into, instead of new ones; results without one are new arrays. All are checked before anything is
 * computed, and written at the end, on the JavaScript thread: if the memory of one was transferred away meanwhile, the call rejects with
 * `ERR_DATA_DETACHED` and writes none.
 */
export interface GradientsOut<Outputs = unknown> {
  /** Rows · outputs elements, as the option `out` of {@link Model.predict}: for several outputs a list, or a record by output. */
  readonly outputs?: ForOutputs<Outputs, Float32Array> | undefined
  /** By the names of weights, as many elements as each weight has. */
  readonly gradients?: Readonly<Record<string, Float32Array>> | undefined
  /** Rows · inputs elements; for several inputs a record by name. Only where gradients of the inputs are asked for. */
  readonly inputs?: Float32Array | Readonly<Record<string, Float32Array>> | undefined
}

/** The caller's arrays after checks: those of outputs in their order, those of gradients and inputs by name. */
export class Destinations {
  readonly outputs: readonly (Float32Array | undefined)[]
  readonly gradients: ReadonlyMap<string, Float32Array>
  readonly inputs: ReadonlyMap<string, Float32Array>
  readonly #given: readonly { readonly array: Float32Array; readonly argument: string; readonly length: number }[]

  /** Throws `ERR_ARGUMENT`, `ERR_UNKNOWN_NAME`, `ERR_DTYPE`, `ERR_SHAPE` or `ERR_DATA_DETACHED`. */
  constructor(core: ModelCore, { learns }: Sibling, rows: number, computation: Computation, given: unknown) {
    const { outputs, gradients, inputs } = checkOptions(
      given as GradientsOut,
      ['outputs', 'gradients', 'inputs'],
      'out',
    )
    this.outputs = outputs === undefined ? [] : readOutputs(core.built(), rows, outputs)
    this.gradients = gradients === undefined ? new Map() : readGradients(core, learns, gradients)
    if (inputs !== undefined && !computation.inputs) refuse('out.inputs', 'none with inputs: false', inputs)
    this.inputs = inputs === undefined ? new Map() : readInputs(core.built(), rows, inputs)
    const named: readonly (readonly [argument: string, array: Float32Array | undefined])[] = [
      ...this.outputs.map((array) => ['out.outputs', array] as const),
      ...[...this.gradients].map(([name, array]) => [`out.gradients['${name}']`, array] as const),
      ...[...this.inputs].map(([name, array]) => [`out.inputs.${name}`, array] as const),
    ]
    this.#given = named.flatMap(([argument, array]) => (array ? [{ array, argument, length: array.length }] : []))
  }

  /** Throws `ERR_DATA_DETACHED` if the memory of an array was transferred away or resized. */
  checkPresent(): void {
    for (const { array, argument, length } of this.#given) checkPresent(array, argument, length)
  }
}

function readOutputs({ heads, outputForm }: ModelShapes, rows: number, given: unknown): Float32Array[] {
  const argument = 'out.outputs'
  const parts = outputForm === 'single' ? [{ value: given, argument }] : valuesOf(heads, given, argument)
  return parts.map(({ value, argument: at }, i) => checkOut(value, rows, heads[i] as ModelHead, at))
}

function readGradients(core: ModelCore, learns: readonly boolean[], given: unknown): Map<string, Float32Array> {
  const record = checkRecord(given, 'out.gradients', 'a record of arrays by the names of weights')
  const places = placesOf(core)
  checkKeys(
    record,
    places.map(({ name }) => name),
    'out.gradients: no weight',
  )
  const into = new Map<string, Float32Array>()
  for (const place of places) {
    const value = Object.hasOwn(record, place.name) ? record[place.name] : undefined
    if (value === undefined) continue
    const argument = `out.gradients['${place.name}']`
    if (!learns[place.index]) throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected none, as ${whyNone(place)}`)
    into.set(place.name, checkInto(value, place.parameter.shape, argument))
  }
  return into
}

function readInputs(shapes: ModelShapes, rows: number, given: unknown): Map<string, Float32Array> {
  const { inputs } = shapes
  const [only, ...others] = inputs as readonly [ModelShapes['inputs'][number]]
  if (others.length === 0) return new Map([[only.name, checkInto(given, [rows, ...only.shape], 'out.inputs')]])
  const names = inputs.map(({ name }) => name)
  const record = checkRecord(given, 'out.inputs', `a record of arrays for the inputs ${names.join(', ')}`)
  checkKeys(record, names, 'out.inputs: no input')
  const readers = readersOfIntegers(shapes)
  const into = new Map<string, Float32Array>()
  for (const [number, { name, shape }] of inputs.entries()) {
    const value = Object.hasOwn(record, name) ? record[name] : undefined
    if (value === undefined) continue
    const reader = readers.get(number)
    if (reader !== undefined) refuse(`out.inputs.${name}`, `none, as layer '${reader}' reads integers`, value)
    into.set(name, checkInto(value, [rows, ...shape], `out.inputs.${name}`))
  }
  return into
}
