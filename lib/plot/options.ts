/** Checks options that several pictures share. */

import { isNumericArray } from '../arrays/typedArrays.js'
import { checkOptions, refuse } from '../checks/validate.js'

/** Like {@link checkOptions}; checks as well that titles and labels are strings. */
export function checkPictureOptions<T extends object>(
  given: T | undefined,
  names: readonly string[],
  argument: string,
): T {
  const options = checkOptions(given, names, argument)
  for (const name of ['title', 'xLabel', 'yLabel']) {
    const value: unknown = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined && typeof value !== 'string') refuse(`${argument}: ${name}`, 'a text', value)
  }
  return options
}

/** Checks a list of captions, which may be strings, numbers or booleans. */
export function checkTexts(value: unknown, argument: string): readonly string[] {
  if (!Array.isArray(value) && !isNumericArray(value)) return refuse(argument, 'a list of texts', value)
  return Array.from({ length: value.length }, (_, i) => {
    const item: unknown = value[i]
    if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') return String(item)
    return item === undefined ? '' : refuse(`${argument}[${i}]`, 'a text', item)
  })
}
