/** Search spaces in JSON: what `search` makes in TypeScript, by the names of its functions. */

import { NeurodeError } from '../base/errors.js'
import { isPlain } from '../checks/validate.js'
import { damaged, readBytes } from '../files/files.js'
import { parseStrictJson } from '../formats/strictJson.js'
import type { SearchDomain } from '../search/domains.js'
import { type FixedValue, type SearchSpace, search } from '../search/search.js'

/** Makes a domain from what stands beside its name in JSON, which the functions of `search` check. */
const domains: Readonly<Record<string, (options: never) => SearchDomain>> = {
  uniform: search.uniform,
  logUniform: search.logUniform,
  normal: search.normal,
  integer: search.integer,
  choice: search.choice,
}

const expected = `a text, a number, true, false, or one of ${Object.keys(domains).join(', ')} with its options, such as {"uniform": {"low": 0, "high": 1}}`

/** Reads a search space from a file. Throws `ERR_FILE_FORMAT`, and names the file and the hyper-parameter, where it is none. */
export async function readSpace(path: string): Promise<SearchSpace> {
  const text = (await readBytes(path)).toString()
  let space: unknown
  try {
    space = parseStrictJson(text)
  } catch (error) {
    throw damaged(path, `expected JSON (${(error as Error).message})`, error)
  }
  if (!isPlain(space)) throw damaged(path, 'expected a JSON object of hyper-parameters by name')
  return Object.fromEntries(Object.entries(space).map(([name, value]) => [name, domainOf(value, `${path}: ${name}`)]))
}

function domainOf(value: unknown, where: string): SearchDomain | FixedValue {
  if (['string', 'number', 'boolean'].includes(typeof value)) return value as FixedValue
  const [[name, options] = ['', undefined], ...others] = isPlain(value) ? Object.entries(value) : []
  const make = Object.hasOwn(domains, name) ? domains[name] : undefined
  if (make === undefined || others.length > 0) {
    throw new NeurodeError(
      'ERR_FILE_FORMAT',
      `${where}: expected ${expected}, got ${JSON.stringify(value).slice(0, 100)}`,
    )
  }
  try {
    return make(options as never)
  } catch (error) {
    throw damaged(where, (error as Error).message, error)
  }
}
