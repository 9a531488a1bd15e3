/** Makes objects answer when a name is read that others have, where JavaScript would give `undefined`, which is no function. */

import { NeurodeError } from '../base/errors.js'
import { type Asked, answerFor } from '../foreignNames/answers.js'
import { is } from '../foreignNames/rows.js'
import { normalize, shorten } from './validate.js'

/**
 * Reading a name that Keras, TensorFlow.js or PyTorch have, or another spelling of one that is there, throws `ERR_UNKNOWN_NAME` with
 * the name here, or the reason why there is none. Any other name that is not there stays undefined, and names that are there are
 * read as ever: the answer stands at the end of the chain of prototypes.
 */
export function answerForeignNames(object: object, asked: Asked, label: string = asked): void {
  const end = {}
  const spelled = new WeakMap<object, ReadonlyMap<string, string>>()
  const get = (_: object, key: string | symbol, receiver: unknown): unknown => {
    // JSON.stringify asks every object for a toJSON.
    if (typeof key === 'symbol' || key in end || key === 'toJSON') return Reflect.get(end, key, receiver)
    // Objects of a class that extends this one have more names.
    const kind = receiver === object ? object : (Object.getPrototypeOf(receiver) as object)
    const names = spelled.get(kind) ?? namesOf(kind, object)
    spelled.set(kind, names)
    const own = names.get(normalize(key))
    const answer = answerFor(asked, normalize(key)) ?? (own && is(`${label}.${own}`))
    if (answer === undefined) return undefined
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${label}.${shorten(key)}: ${answer}`)
  }
  Object.setPrototypeOf(object, new Proxy(end, { get }))
}

/** The names of `kind` and of what it inherits, down to `last`, by how they read without case, `_` and `-`. */
function namesOf(kind: object, last: object): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (let level: object | null = kind; level !== null; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) names.set(normalize(name), name)
    if (level === last) break
  }
  return names
}
