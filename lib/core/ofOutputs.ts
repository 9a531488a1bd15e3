/** What a list or a record gives for each output of a model. */

import { type ErrorCode, NeurodeError } from '../base/errors.js'
import { checkKeys } from '../checks/validate.js'

/** What was given for one output, and what messages call it. */
export interface OfOutput {
  readonly value: unknown
  readonly argument: string
}

/**
 * The values of a list in the order of the outputs, or of a record by their names; undefined where a record has none. Throws
 * `ERR_UNKNOWN_NAME` for other names, and `code` for a list of another length.
 */
export function ofOutputs(
  names: readonly string[],
  given: object,
  argument: string,
  code: ErrorCode = 'ERR_ARGUMENT',
): OfOutput[] {
  if (Array.isArray(given)) {
    if (given.length === names.length) {
      return Array.from(given, (value: unknown, i) => ({ value, argument: `${argument}[${i}]` }))
    }
    const outputs = names.length === 1 ? `the output ${names[0]}` : `the outputs ${names.join(', ')}`
    throw new NeurodeError(code, `${argument}: expected a list of ${names.length}, for ${outputs}, got ${given.length}`)
  }
  checkKeys(given, names, `${argument}: no output`)
  const record = given as Readonly<Record<string, unknown>>
  return names.map((name) => {
    return { value: Object.hasOwn(record, name) ? record[name] : undefined, argument: `${argument}.${name}` }
  })
}
