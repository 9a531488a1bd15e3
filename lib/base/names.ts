/** Names in camelCase and snake_case. */

/** The snake_case spelling of a camelCase name: `leaky_relu` for `leakyRelu`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeCase<Rest>}`
    : `_${Lowercase<First>}${SnakeCase<Rest>}`
  : Name

/** A camelCase name and its snake_case spelling. */
export type Spelled<Name extends string> = Name | SnakeCase<Name>

/** The default name of a kind of layer: `dense` for `Dense`. */
export function defaultName(kind: string): string {
  return kind.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase()
}

/** Names of which those that are there already get a number. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set(names)
  return names.map((name, i) => {
    if (names.indexOf(name) === i) return name
    for (let count = 1; ; count++) {
      const other = `${name}_${count}`
      if (taken.has(other)) continue
      taken.add(other)
      return other
    }
  })
}
