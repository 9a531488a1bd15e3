/** Values that a caller may pass by mistake: more than forty, of every kind, made anew for each call. */

import { runInNewContext } from 'node:vm'

/** The error that functions and getters among the values throw: a caller's own errors must be passed on unchanged. */
export class OddError extends Error {}

const fails = () => {
  throw new OddError('on purpose')
}

class Instance {
  readonly units = 3
  method() {}
}

function cycle(): object {
  const list: unknown[] = [1]
  list.push(list)
  return list
}

export const oddValues: readonly [name: string, make: () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['false', () => false],
  ['0', () => 0],
  ['-0', () => -0],
  ['1', () => 1],
  ['-1', () => -1],
  ['0.5', () => 0.5],
  ['NaN', () => Number.NaN],
  ['Infinity', () => Infinity],
  ['2^31', () => 2 ** 31],
  ['2^53', () => 2 ** 53],
  ['1e300', () => 1e300],
  ['1e-320', () => 1e-320],
  ['0n', () => 0n],
  ['2n**70n', () => 2n ** 70n],
  ["''", () => ''],
  ["'abc'", () => 'abc'],
  ["'__proto__'", () => '__proto__'],
  ["'constructor'", () => 'constructor'],
  ["'1'", () => '1'],
  ['a long text', () => 'é'.repeat(10_000)],
  ['a lone surrogate', () => '\ud800'],
  ['a symbol', () => Symbol('odd')],
  ['[]', () => []],
  ['[1]', () => [1]],
  ['[[1, 2]]', () => [[1, 2]]],
  ['ragged rows', () => [[1], [1, 2]]],
  ['[NaN]', () => [Number.NaN]],
  ["['a']", () => ['a']],
  ['[null]', () => [null]],
  ['[1n]', () => [1n]],
  // biome-ignore lint/suspicious/noSparseArray: that is what is odd
  ['a sparse list', () => [, 1]],
  ['a deep list', () => Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1)],
  ['a list that holds itself', cycle],
  ['{}', () => ({})],
  ['{ a: 1 }', () => ({ a: 1 })],
  ['{ length: 3 }', () => ({ length: 3 })],
  ['{ data, shape }', () => ({ data: [1, 2], shape: [2] })],
  ['{ data, shape } of another size', () => ({ data: new Float32Array(3), shape: [2, 2] })],
  ['{ data, shape } of texts', () => ({ data: 'ab', shape: 'cd' })],
  ['{ x, y }', () => ({ x: [[1]], y: [1] })],
  ['Object.create(null)', () => Object.create(null)],
  ['an instance', () => new Instance()],
  ['a class', () => Instance],
  ['a Date', () => new Date(Number.NaN)],
  ['a Map', () => new Map([['a', 1]])],
  ['a Set', () => new Set([1])],
  ['a RegExp', () => /x/g],
  ['an Error', () => new Error('a value')],
  ['a function', () => () => 1],
  ['a function that throws', () => fails],
  ['a function that gives a promise', () => async () => 1],
  ['a function that rejects', () => async () => fails()],
  [
    'a generator',
    () =>
      (function* () {
        yield 1
      })(),
  ],
  [
    'a generator function',
    () =>
      function* () {
        yield { x: 1, y: 2 }
      },
  ],
  ['an iterator that throws', () => ({ [Symbol.iterator]: fails })],
  ['a promise', () => Promise.resolve(1)],
  ['a getter that throws', () => Object.defineProperty({}, 'a', { get: fails, enumerable: true })],
  ['a proxy that throws', () => new Proxy({}, { get: fails, has: fails, ownKeys: fails, getPrototypeOf: fails })],
  ['a Float32Array', () => new Float32Array(2)],
  ['an empty Float32Array', () => new Float32Array(0)],
  ['a Float64Array', () => Float64Array.of(1e300, 2)],
  ['a Uint8Array', () => new Uint8Array(3)],
  ['an Int32Array', () => Int32Array.of(-1, 2)],
  ['a BigInt64Array', () => new BigInt64Array(2)],
  ['a Float32Array of another realm', () => runInNewContext('new Float32Array(2)')],
  ['a list of another realm', () => runInNewContext('[1, 2]')],
  ['shared memory', () => new Float32Array(new SharedArrayBuffer(8))],
  [
    'memory that was transferred',
    () => {
      const array = new Float32Array(2)
      structuredClone(array.buffer, { transfer: [array.buffer] })
      return array
    },
  ],
  ['an ArrayBuffer', () => new ArrayBuffer(8)],
  ['a DataView', () => new DataView(new ArrayBuffer(8))],
  ['a URL', () => new URL('https://example.invalid/x')],
  ['a file URL', () => new URL('file:///nowhere/odd')],
  ['a signal that was aborted', () => AbortSignal.abort()],
]
