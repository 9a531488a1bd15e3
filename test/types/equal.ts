/** Compares types exactly: `expectType<Equal<A, B>>()` compiles if the two are the same type. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

export function expectType<T extends true>(): T {
  return true as T
}
