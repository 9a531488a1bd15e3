/** Calls of what draws hyper-parameters. */

import { search } from 'neurode'
import { call, type Loose, type PublicCall } from './call.js'

/** A call of a function of `search`, whose result a trial uses. */
const of = (title: string, args: () => unknown[]): PublicCall => {
  const [name = ''] = title.split(' ')
  return call(`search.${title}`, args, (...given) => search.sample({ value: (search as Loose)[name](...given) }, 0))
}

export const searchCalls: readonly PublicCall[] = [
  of('uniform', () => [{ low: 0, high: 1, step: 0.25 }]),
  of('logUniform', () => [{ low: 0.1, high: 1 }]),
  of('normal', () => [{ mean: 0, stddev: 1 }]),
  of('integer', () => [{ low: 1, high: 9, step: 2 }]),
  of('integer of a logarithm', () => [{ low: 1, high: 9, log: true }]),
  of('choice', () => [['a', 'b']]),
  call(
    'search.sample',
    () => [{ epochs: 3, inner: { name: 'a' } }, 1, 2],
    (...args) => (search.sample as Loose)(...args),
  ),
]
