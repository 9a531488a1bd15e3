/** Refuses options that are passed after a function's last parameter, which JavaScript would silently ignore. */

import { isPlain, refuse } from './validate.js'

type Callable = (...args: readonly unknown[]) => unknown

/**
 * Throws `ERR_ARGUMENT` if there is an object of options among the arguments after a function's last parameter. Other extra
 * arguments are allowed: `sizes.map(layers.dense)` passes an index and the list.
 */
export function refuseMore(more: readonly unknown[], most: number, argument: string): void {
  for (const [i, arg] of more.entries()) {
    if (!isPlain(arg) || Object.keys(arg).length === 0) continue
    refuse(`${argument}: argument ${most + i + 1}`, `${most === 0 ? 'no' : `at most ${most}`} arguments`, arg)
  }
}

/**
 * Adds the check of {@link refuseMore} to all functions of a table, or to all methods of a prototype. Functions that are async, or
 * named in `promising`, reject; all others throw.
 */
export function guardArity(owner: object, argument: string, promising: readonly string[] = []): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
    const take: unknown = property.value
    if (typeof take !== 'function' || name === 'constructor') continue
    const rejects = promising.includes(name) || take.constructor.name === 'AsyncFunction'
    const value = guarded(take as Callable, `${argument}.${name}`, rejects)
    Object.defineProperty(owner, name, { ...property, value })
  }
}

function guarded(take: Callable, argument: string, rejects: boolean): Callable {
  const most = take.length
  const guard = function (this: unknown, ...args: readonly unknown[]) {
    if (args.length <= most) return Reflect.apply(take, this, args)
    if (rejects) {
      try {
        refuseMore(args.slice(most), most, argument)
      } catch (error) {
        return Promise.reject(error)
      }
    } else {
      refuseMore(args.slice(most), most, argument)
    }
    return Reflect.apply(take, this, args)
  }
  return Object.defineProperties(guard, { name: { value: take.name }, length: { value: most } })
}
