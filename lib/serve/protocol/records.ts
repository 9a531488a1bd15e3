/** Records of a table in TensorFlow Serving's form: reads them from requests, and writes answers. */

import { shorten, suggest } from '../../checks/validate.js'
import type { TabularAnswer } from '../../tabular/types.js'
import {
  type Cells,
  cellIn,
  checkRows,
  isCell,
  type JsonCell,
  kindOf,
  memberOf,
  membersOf,
  parseJson,
  type RecordRequest,
  type RecordSpec,
  type RowLimit,
  refuseAt,
  rowsOfCells,
} from './recordSpec.js'

/**
 * Reads a request: `instances`, an object for each row, or `inputs`, a list for each column. What is absent or `null` is a gap, and the
 * target's own column is ignored. Throws `ERR_REQUEST`, whose message names the row and the column.
 */
export function parseRecords(body: Buffer, spec: RecordSpec, limit: RowLimit): RecordRequest {
  const request = membersOf(parseJson(body), 'request')
  const [instances, inputs] = [memberOf(request, 'instances'), memberOf(request, 'inputs')]
  if (instances !== undefined && inputs !== undefined) refuseAt('request', "'instances' or 'inputs'", 'both')
  const bytes = body.length
  if (instances !== undefined) return { ...readInstances(instances, spec, limit), bytes, isByRow: true }
  if (inputs !== undefined) return { ...readColumns(membersOf(inputs, 'inputs'), spec, limit), bytes, isByRow: false }
  return refuseAt('request', "a member 'instances' or 'inputs'", 'none')
}

function readInstances(instances: unknown, spec: RecordSpec, limit: RowLimit): Pick<RecordRequest, 'rows' | 'part'> {
  if (!Array.isArray(instances)) return refuseAt('instances', 'an array of records', kindOf(instances))
  const rows = checkRows(instances.length, limit, 'instances')
  const cells: (JsonCell[] | undefined)[] = spec.columns.map(() => undefined)
  for (let row = 0; row < rows; row++) {
    const record = membersOf(instances[row], `instances[${row}]`)
    for (const name of Object.keys(record)) {
      const place = spec.places.get(name) ?? refuseColumn(name, spec, `instances[${row}]`)
      const value = record[name]
      const cell = isCell(value) ? value : cellIn(value, `instances[${row}].${name}`)
      if (place < 0) continue
      cells[place] ??= new Array<JsonCell>(rows)
      cells[place][row] = cell
    }
  }
  return { rows, part: rowsOfCells(cells, spec, (_, row) => `instances[${row}]`) }
}

function readColumns(
  inputs: Readonly<Record<string, unknown>>,
  spec: RecordSpec,
  limit: RowLimit,
): Pick<RecordRequest, 'rows' | 'part'> {
  let rows: number | undefined
  const cells: Cells[] = spec.columns.map(() => undefined)
  for (const name of Object.keys(inputs)) {
    const place = spec.places.get(name) ?? refuseColumn(name, spec, 'inputs')
    const at = `inputs.${name}`
    const list = inputs[name]
    if (!Array.isArray(list)) return refuseAt(at, 'an array of values', kindOf(list))
    rows ??= checkRows(list.length, limit, at)
    if (list.length !== rows) refuseAt(at, `as many rows as the column before, ${rows}`, `${list.length}`)
    const own = list.map((value, row) => (isCell(value) ? value : cellIn(value, `${at}[${row}]`)))
    if (place >= 0) cells[place] = own
  }
  if (rows === undefined) return refuseAt('inputs', 'at least one column', 'none')
  const cellAt = (place: number, row: number) => `inputs.${spec.columns[place]?.name}[${row}]`
  return { rows, part: rowsOfCells(cells, spec, cellAt) }
}

/** Throws `ERR_REQUEST` for a column that the model does not have. */
export function refuseColumn(name: string, { columns }: RecordSpec, where: string): never {
  const known = suggest(
    name,
    columns.map((column) => column.name),
  )
  return refuseAt(where, 'columns of the model', `'${shorten(name)}'${known}`)
}

/** Writes answers: `predictions`, one for each row, or `outputs`, a list for each output. */
export function formatRecords({ isByRow }: RecordRequest, answers: readonly TabularAnswer[], spec: RecordSpec): string {
  if (isByRow) return JSON.stringify({ predictions: answers })
  const names = spec.classes === undefined ? [spec.target] : ['label', 'probabilities']
  const columns = names.map((name) => [name, answers.map((answer) => (answer as Record<string, unknown>)[name])])
  return JSON.stringify({ outputs: Object.fromEntries(columns) })
}
