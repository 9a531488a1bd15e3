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
  let spelled: ReadonlyMap<string, string> | undefined
  const get = (_: object, key: string | symbol, receiver: unknown): unknown => {
    // JSON.stringify asks every object for a toJSON.
    if (typeof key === 'symbol' || key in end || key === 'toJSON') return Reflect.get(end, key, receiver)
    spelled ??= new Map(Object.getOwnPropertyNames(object).map((name) => [normalize(name), name]))
    const own = spelled.get(normalize(key))
    const answer = answerFor(asked, normalize(key)) ?? (own && is(`${label}.${own}`))
    if (answer === undefined) return undefined
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${label}.${shorten(key)}: ${answer}`)
  }
  Object.setPrototypeOf(object, new Proxy(end, { get }))
}
