/** Values by the names of a model's inputs. */

import { NeurodeError } from '../base/errors.js'
import { checkKeys } from '../checks/validate.js'

/** The values of a record in the order of the names. Throws `ERR_UNKNOWN_NAME` or `ERR_ARGUMENT` unless each has one. */
export function inOrder(names: readonly string[], record: object, argument: string): unknown[] {
  checkKeys(record, names, `${argument}: no input`)
  const missing = names.find((name) => !Object.hasOwn(record, name))
  if (missing !== undefined) {
    const text = `${argument}: expected a value for each input (${names.join(', ')}), got none for '${missing}'`
    throw new NeurodeError('ERR_ARGUMENT', text)
  }
  return names.map((name) => (record as Readonly<Record<string, unknown>>)[name])
}
