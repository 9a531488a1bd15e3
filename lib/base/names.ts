/** Types of the names that options accept: camelCase or snake_case. */

/** `leakyRelu` → `leaky_relu`. */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${SnakeCase<Rest>}`
    : `_${Lowercase<First>}${SnakeCase<Rest>}`
  : Name

/** A camelCase name and its snake_case spelling. */
export type Spelled<Name extends string> = Name | SnakeCase<Name>
