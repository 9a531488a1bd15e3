/** Options in places that a function does not have, which JavaScript would drop in silence. */

import { isPlain, refuse } from './validate.js'

type Callable = (...args: readonly unknown[]) => unknown

/**
 * Refuses an object of options among the arguments that came behind the last one of a function. Others pass:
 * `sizes.map(layers.dense)` gives an index and the list as well.
 */
export function refuseMore(more: readonly unknown[], most: number, argument: string): void {
  for (const [i, arg] of more.entries()) {
    if (!isPlain(arg) || Object.keys(arg).length === 0) continue
    refuse(`${argument}: argument ${most + i + 1}`, `${most === 0 ? 'no' : `at most ${most}`} arguments`, arg)
  }
}

/**
 * Makes the functions of a table, or the methods of a prototype, do so. Those that are async, or named in `promising`, reject; all
 * others throw.
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
