/** Converts data of callbacks to JSON, if reading the JSON gives equal data back. */

import { refuse } from '../checks/validate.js'
import { type Json, toJson } from './description.js'

const deepest = 100
const expected = 'numbers, texts, booleans, null, lists and plain objects of them'

/** The JSON of plain data. Throws `ERR_ARGUMENT`, with the path in the data, for a value that `fromJson` would not give back unchanged. */
export function plainToJson(value: unknown, argument: string, depth = 0): Json {
  if (depth > deepest) return refuse(argument, `at most ${deepest} levels`, value)
  if (typeof value !== 'object' || value === null) return leafToJson(value, argument)
  if (Array.isArray(value)) return Array.from(value, (item, i) => plainToJson(item, `${argument}[${i}]`, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  if (!isPlain || Object.getOwnPropertySymbols(value).length > 0) return refuse(argument, expected, value)
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  const reserved = entries.find(([key]) => key.startsWith('$'))
  if (reserved !== undefined) return refuse(argument, "names that do not begin with '$'", reserved[0])
  return Object.fromEntries(entries.map(([key, member]) => [key, plainToJson(member, `${argument}.${key}`, depth + 1)]))
}

function leafToJson(value: unknown, argument: string): Json {
  const isLeaf = value === null || ['boolean', 'number', 'string'].includes(typeof value)
  return isLeaf ? toJson(value, argument) : refuse(argument, expected, value)
}
