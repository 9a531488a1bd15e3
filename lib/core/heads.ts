/** Values for the outputs of a model, in the form in which the outputs were given. */

import type { ModelShapes } from './shapes.js'

/** A value for the only output; for several a list, or a record by name. */
export type ByOutput<T> = T | readonly T[] | Readonly<Record<string, T>>

/** Gives values in the order of the outputs the form in which the outputs were given. */
export function byOutput<T>(
  { heads, outputForm }: Pick<ModelShapes, 'heads' | 'outputForm'>,
  values: readonly T[],
): ByOutput<T> {
  if (outputForm === 'single') return values[0] as T
  return outputForm === 'list' ? values : Object.fromEntries(heads.map(({ name }, i) => [name, values[i] as T]))
}
