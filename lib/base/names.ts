/** Types of names that may be written in camelCase or snake_case. */

/** The snake_case spelling of a camelCase name: `leaky_relu` for `leakyRelu`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeCase<Rest>}`
    : `_${Lowercase<First>}${SnakeCase<Rest>}`
  : Name

/** A camelCase name and its snake_case spelling. */
export type Spelled<Name extends string> = Name | SnakeCase<Name>
