/** Makes objects throw a helpful error when a member is read that only other frameworks have. */

import { NeurodeError } from '../base/errors.js'
import { type Asked, answerFor } from '../foreignNames/answers.js'
import { is } from '../foreignNames/rows.js'
import { normalize, shorten } from './validate.js'

/** A name without Keras' short forms: `globalavgpool1d` is `globalaveragepooling1d`. */
function inFull(name: string): string {
  return name.replace('avg', 'average').replace(/pool(?=\dd$)/, 'pooling')
}

/**
 * After this call, reading a member that Keras, TensorFlow.js or PyTorch have and `object` lacks, or a different spelling of a member,
 * throws `ERR_UNKNOWN_NAME` with Neurode's name, or with the reason why there is none. Other missing members stay undefined. Members
 * that exist are read at full speed, as the check is the last object of the prototype chain.
 */
export function answerForeignNames(object: object, asked: Asked, label: string = asked): void {
  const end = {}
  const spelled = new WeakMap<object, ReadonlyMap<string, string>>()
  const get = (_: object, key: string | symbol, receiver: unknown): unknown => {
    // JSON.stringify reads toJSON of every object.
    if (typeof key === 'symbol' || key in end || key === 'toJSON') return Reflect.get(end, key, receiver)
    // Subclasses have more members.
    const kind = receiver === object ? object : (Object.getPrototypeOf(receiver) as object)
    const names = spelled.get(kind) ?? namesOf(kind, object)
    spelled.set(kind, names)
    const own = names.get(normalize(key)) ?? names.get(inFull(normalize(key)))
    const answer = own ? is(`${label}.${own}`) : answerFor(asked, normalize(key))
    if (answer === undefined) return undefined
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${label}.${shorten(key)}: ${answer}`)
  }
  Object.setPrototypeOf(object, new Proxy(end, { get }))
}

/** The members of `kind` and of its prototypes up to `last`, keyed by their names without case, `_` and `-`. */
function namesOf(kind: object, last: object): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (let level: object | null = kind; level !== null; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) names.set(normalize(name), name)
    if (level === last) break
  }
  return names
}
