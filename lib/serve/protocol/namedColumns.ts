/** Requests of the Open Inference Protocol for models of tables: a tensor for each column, by its name. */

import { describe } from '../../checks/validate.js'
import { cellsOfBytes, cellsOfJson, cellTypes } from './cellTypes.js'
import { outputNames } from './recordAnswers.js'
import {
  cellIn,
  checkRows,
  isCell,
  type JsonCell,
  kindOf,
  memberOf,
  membersOf,
  parseJson,
  type RecordOutput,
  type RecordRequest,
  type RecordSpec,
  type RowLimit,
  refuseAt,
  rowsOfCells,
} from './recordSpec.js'
import { refuseColumn } from './records.js'

interface Tensor {
  /** The place of its column, or -1. */
  readonly place: number
  readonly rows: number
  readonly cells: readonly JsonCell[]
}

/**
 * Reads a request with a tensor for each column, of shape [n] or [n, 1], in any order: a column without one is a gap in every row, and
 * `null` a gap in JSON. Texts and dates are `BYTES`. Tensors with a `binary_data_size` follow the JSON, one behind the other.
 * Throws `ERR_REQUEST`, whose message names the member.
 */
export function parseNamedColumns(
  body: Buffer,
  headerLength: number | undefined,
  spec: RecordSpec,
  limit: RowLimit,
): RecordRequest {
  const jsonLength = headerLength ?? body.length
  if (jsonLength > body.length) {
    refuseAt('Inference-Header-Content-Length', `at most the body's ${body.length} bytes`, `${jsonLength}`)
  }
  const request = membersOf(parseJson(body.subarray(0, jsonLength)), 'request')
  const id = memberOf(request, 'id')
  if (id !== undefined && typeof id !== 'string') refuseAt('id', 'a string', kindOf(id))
  const tensors = readTensors(memberOf(request, 'inputs'), body.subarray(jsonLength), spec, limit)
  const { rows } = tensors[0] as Tensor
  const given = spec.columns.map((_, place) => tensors.findIndex((tensor) => tensor.place === place))
  const cells = given.map((i) => tensors[i]?.cells)
  return {
    rows,
    bytes: body.length,
    part: rowsOfCells(cells, spec, (place, row) => `inputs[${given[place]}].data[${row}]`),
    isByRow: false,
    id: id as string | undefined,
    outputs: readOutputs(memberOf(request, 'outputs'), isBinary(request, 'parameters', 'binary_data_output'), spec),
  }
}

function readTensors(inputs: unknown, bytes: Buffer, spec: RecordSpec, limit: RowLimit): Tensor[] {
  if (!Array.isArray(inputs)) return refuseAt('inputs', 'an array of tensors', kindOf(inputs))
  if (inputs.length === 0) refuseAt('inputs', 'a tensor for each column', 'none')
  const names = new Set<string>()
  let used = 0
  const tensors: Tensor[] = []
  for (const [i, input] of inputs.entries()) {
    const at = `inputs[${i}]`
    const tensor = membersOf(input, at)
    const name = textOf(tensor, 'name', at)
    const place = spec.places.get(name) ?? refuseColumn(name, spec, `${at}.name`)
    if (names.has(name)) refuseAt(`${at}.name`, 'each column once', `${describe(name)} twice`)
    names.add(name)
    const rows = rowsOf(memberOf(tensor, 'shape'), `${at}.shape`, limit)
    if (i > 0 && rows !== tensors[0]?.rows) {
      refuseAt(`${at}.shape`, `as many rows as the tensor before, ${tensors[0]?.rows}`, `${rows}`)
    }
    const datatype = textOf(tensor, 'datatype', at)
    if (!Object.hasOwn(cellTypes, datatype)) {
      refuseAt(`${at}.datatype`, `one of ${Object.keys(cellTypes).join(', ')}`, describe(datatype))
    }
    const size = sizeOf(tensor, at)
    if (size === undefined) {
      const cells = cellsOfJson(datatype, memberOf(tensor, 'data'), rows, at)
      tensors.push({
        place,
        rows,
        cells: cells.map((cell, row) => (isCell(cell) ? cell : cellIn(cell, `${at}.data[${row}]`))),
      })
      continue
    }
    if (memberOf(tensor, 'data') !== undefined) refuseAt(at, "'data' or binary data", 'both')
    if (used + size > bytes.length) {
      refuseAt(
        `${at}.parameters.binary_data_size`,
        `at most ${bytes.length - used}, the bytes after the JSON`,
        `${size}`,
      )
    }
    tensors.push({ place, rows, cells: cellsOfBytes(datatype, bytes.subarray(used, used + size), rows, at) })
    used += size
  }
  if (used !== bytes.length) {
    refuseAt('inputs', `binary_data_size to count all ${bytes.length} bytes after the JSON`, `${used}`)
  }
  return tensors
}

function textOf(tensor: Readonly<Record<string, unknown>>, name: string, place: string): string {
  const value = memberOf(tensor, name)
  return typeof value === 'string' ? value : refuseAt(`${place}.${name}`, 'a string', kindOf(value))
}

/** The rows of a shape [n] or [n, 1]. */
function rowsOf(shape: unknown, place: string, limit: RowLimit): number {
  if (!Array.isArray(shape)) return refuseAt(place, 'an array of whole numbers', kindOf(shape))
  const [rows, width = 1] = shape as unknown[]
  if (shape.length < 1 || shape.length > 2 || width !== 1 || !Number.isSafeInteger(rows) || (rows as number) < 0) {
    refuseAt(place, '[n, 1] or [n]', JSON.stringify(shape).slice(0, 60))
  }
  return checkRows(rows as number, limit, place)
}

function sizeOf(tensor: Readonly<Record<string, unknown>>, place: string): number | undefined {
  const parameters = memberOf(tensor, 'parameters')
  if (parameters === undefined) return undefined
  const size = memberOf(membersOf(parameters, `${place}.parameters`), 'binary_data_size')
  if (size === undefined || (Number.isSafeInteger(size) && (size as number) >= 0)) return size as number | undefined
  return refuseAt(`${place}.parameters.binary_data_size`, 'a whole number', kindOf(size))
}

/** A boolean among the parameters of a request or of an output. */
function isBinary(
  of: Readonly<Record<string, unknown>>,
  place: string,
  name: 'binary_data' | 'binary_data_output',
): boolean | undefined {
  const parameters = memberOf(of, 'parameters')
  if (parameters === undefined) return undefined
  const members = membersOf(parameters, place)
  if (memberOf(members, 'classification') !== undefined) refuseAt(place, 'no classification', 'one')
  const value = memberOf(members, name)
  if (value === undefined || typeof value === 'boolean') return value
  return refuseAt(`${place}.${name}`, 'true or false', kindOf(value))
}

function readOutputs(outputs: unknown, binary: boolean | undefined, spec: RecordSpec): RecordOutput[] {
  const names = outputNames(spec)
  if (outputs === undefined || (Array.isArray(outputs) && outputs.length === 0)) {
    return names.map((name) => ({ name, binary: binary ?? false }))
  }
  if (!Array.isArray(outputs)) return refuseAt('outputs', 'an array', kindOf(outputs))
  const asked = new Set<string>()
  return outputs.map((output: unknown, i) => {
    const at = `outputs[${i}]`
    const members = membersOf(output, at)
    const name = textOf(members, 'name', at)
    const known = names.map((each) => `'${each}'`).join(', ')
    if (!names.includes(name)) refuseAt(`${at}.name`, `one of ${known}`, describe(name))
    if (asked.has(name)) refuseAt(`${at}.name`, 'each output once', `${describe(name)} twice`)
    asked.add(name)
    return { name, binary: isBinary(members, `${at}.parameters`, 'binary_data') ?? binary ?? false }
  })
}
