/** Draws from a seed requests that are wrong in every way a client can think of. */

import type { Random } from './random.js'
import { binaryInfer, inferBody } from './serving.js'

/** The bytes to send, and which answers are allowed. */
export interface Malformed {
  readonly name: string
  readonly bytes: Buffer
  /** What the sender does after the bytes: it keeps the connection, stalls in the middle of a request, or closes. */
  readonly end: 'keep' | 'stall' | 'close'
  /** The request may be right by chance, so that status 200 is allowed. */
  readonly mayBeRight: boolean
}

const infer = '/v2/models/m/infer'
const predict = '/v1/models/m:predict'
const valid = inferBody([
  [1, 2, 3, 4],
  [0.5, -0.25, 1e-3, 7],
])

function http(path: string, body: string | Buffer, headers: readonly string[] = [], method = 'POST'): Buffer {
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  return Buffer.concat([
    Buffer.from([`${method} ${path} HTTP/1.1`, 'Host: localhost', length, ...headers, '', ''].join('\r\n'), 'latin1'),
    Buffer.from(body as string),
  ])
}

const input = (changes: object) =>
  JSON.stringify({ inputs: [{ name: 'input', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4], ...changes }] })

const wrongValues: readonly unknown[] = [
  null,
  true,
  '1',
  {},
  [],
  [[]],
  -1,
  0.5,
  2 ** 53,
  -(2 ** 31),
  1e308,
  '__proto__',
  { __proto__: null, constructor: { prototype: { polluted: 1 } } },
  'x'.repeat(3000),
]
const wrongTexts = [
  '',
  ' ',
  '{',
  '[]',
  'null',
  '"inputs"',
  '{"inputs"}',
  '{"inputs":[}',
  '{"inputs":[{}]}',
  '{"inputs":[{"name":"input"}]}',
  '{"instances":{}}',
  '{"instances":[[NaN,1,2,3]]}',
  '{"instances":[[Infinity,1,2,3]]}',
  '{"instances":[[01,1,2,3]]}',
  '{"instances":[[1.,1,2,3]]}',
  '{"instances":[[+1,1,2,3]]}',
  '{"instances":[[1e,1,2,3]]}',
  '{"instances":[[1,2,3,4],]}',
  '{"instances":[[1,2,3]]}',
  '{"instances":[[1,2,3,4,5]]}',
  '{"instances":[["1",2,3,4]]}',
  '{"instances":[[1,2,3,4]]}}',
  "{'instances':[[1,2,3,4]]}",
  '{"instances":[[1,2,3,4]]',
  '{"__proto__":{"instances":[[1,2,3,4]]}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  `${'['.repeat(5000)}`,
  `${'{"a":'.repeat(5000)}`,
  `{"instances":${'['.repeat(3000)}1${']'.repeat(3000)}}`,
  '{"instances":[[1,2,3,4]],"\u0000":1',
]
const wrongPaths = [
  '/',
  '/..',
  '/../../../../etc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/v2/models/../../etc/passwd/infer',
  '/v2/models/..%2f..%2fetc%2fpasswd/infer',
  '/v2/models/%00/infer',
  '/v2/models/m%00/infer',
  '/v2/models/m/versions/../infer',
  '/v2/models/m/versions/-1/infer',
  '/v2/models/m/versions/1e0/infer',
  '/v2/models/m/versions/01/infer',
  '/v2/models/m/versions/%31%00/infer',
  '/v2/models/M/infer',
  '/v2/models/m./infer',
  '/v2/models/__proto__/infer',
  '/v2/models/constructor/infer',
  '/v2/models/m/versions/__proto__/infer',
  '/v2/models//infer',
  '//v2/models/m/infer',
  '/v2/models/m/infer/',
  '/v2/models/m/infer/x',
  '/v2/models/m/INFER',
  '/v2/models/%c0%ae%c0%ae/infer',
  '/v2/models/%zz/infer',
  '/v2/models/%/infer',
  '/v2/models/m;x/infer',
  '\\v2\\models\\m\\infer',
  'http://elsewhere/v2/models/none/infer',
  'v2/models/m/infer',
  '*',
  `/v2/models/${'a'.repeat(4000)}/infer`,
  '/v1/models/m',
  '/v1/models/m:',
  '/v1/models/m:regress',
  '/v1/models/:predict',
  '/v1/models/m:predict:predict',
  '/v1/models/m/versions/1:predict/../..',
]
const wrongHeads = [
  'GET',
  'GET /v3\r\n\r\n',
  'GET /v2 HTTP/9.9\r\nHost: localhost\r\n\r\n',
  'GET /v2 HTTP/1.1\r\n\r\n',
  'GET  /v3  HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'FETCH /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'TRACE /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /v3 HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n',
  'GET /v3 HTTP/1.1\r\nHost: localhost\r\n: c\r\n\r\n',
  'GET /v3 HTTP/1.1\r\nHost: localhost\r\nA: \x00\r\n\r\n',
  'GET /v3 HTTP/1.1\nHost: localhost\n\n',
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n{}{}`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n{}`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{}\r\n`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nExpect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}`,
  `POST ${infer} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${'a/b;'.repeat(50)}\r\nContent-Length: 2\r\n\r\n{}`,
  `GET /v3 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
  `GET /v3 HTTP/1.1\r\nHost: localhost\r\n${'X: y\r\n'.repeat(3000)}\r\n`,
  `GET /v3 HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
]

type Kind = (draw: Random) => Omit<Malformed, 'name'>

const wrong = (bytes: Buffer): Omit<Malformed, 'name'> => ({ bytes, end: 'keep', mayBeRight: false })
const perhaps = (bytes: Buffer): Omit<Malformed, 'name'> => ({ bytes, end: 'keep', mayBeRight: true })

const kinds: Readonly<Record<string, Kind>> = {
  text: (draw) => wrong(http(draw.pick([infer, predict]), draw.pick(wrongTexts))),
  member: (draw) => {
    const member = draw.pick(['name', 'shape', 'data'])
    return wrong(http(infer, input({ [member]: draw.pick(wrongValues) })))
  },
  shape: (draw) => {
    const size = () => draw.pick([0, -1, 2, 5, 0.5, 2 ** 31, 2 ** 40, 2 ** 53, 1e300])
    const shape = Array.from({ length: 1 + draw.below(4) }, size)
    return wrong(http(infer, input({ shape })))
  },
  numbers: (draw) => {
    const length = draw.pick([0, 1, 3, 5, 8, 1000])
    return wrong(http(infer, input({ data: Array.from({ length }, () => draw.below(100)) })))
  },
  'element of data': (draw) => {
    const data: unknown[] = [1, 2, 3, 4]
    data[draw.below(4)] = draw.pick(wrongValues.filter((value) => typeof value !== 'number'))
    return wrong(http(infer, input({ data })))
  },
  output: (draw) => {
    const outputs = draw.pick([3, 'output', [3], [{}], [{ name: 'y' }], [{ name: 3 }], { name: 'output' }])
    return wrong(http(infer, `${input({}).slice(0, -1)},"outputs":${JSON.stringify(outputs)}}`))
  },
  'changed bytes': (draw) => {
    const bytes = Buffer.from(valid)
    for (let i = 1 + draw.below(4); i > 0; i--) bytes[draw.below(bytes.length)] = draw.below(256)
    return perhaps(http(infer, bytes))
  },
  'cut text': (draw) => wrong(http(infer, valid.slice(0, draw.below(valid.length)))),
  'cut request': (draw) => {
    const bytes = http(infer, valid)
    const end = draw.below(20) === 0 ? 'stall' : 'close'
    return { bytes: bytes.subarray(0, 1 + draw.below(bytes.length - 2)), end, mayBeRight: false }
  },
  'binary tensor': (draw) => {
    const { headers, body } = binaryInfer(new Float32Array(8), 4)
    const length = headers['inference-header-content-length']
    const header = (value: string | number) => `Inference-Header-Content-Length: ${value}`
    const cases: readonly (() => Buffer)[] = [
      () => http(infer, body.subarray(0, draw.below(body.length)), [header(length)]),
      () => http(infer, Buffer.concat([body, Buffer.alloc(1 + draw.below(9))]), [header(length)]),
      () =>
        http(infer, body, [header(draw.pick(['-1', '0', '1', '9999999', '0x10', '1e2', 'NaN', '99999999999999999']))]),
      () => http(infer, body, [header(length), header(length)]),
      () => http(infer, body),
      () => http(infer, body, [header(Number(length) - 1 - draw.below(20))]),
    ]
    return wrong(draw.pick(cases)())
  },
  'binary size': (draw) => {
    const size = draw.pick([-1, 0, 31, 33, 0.5, '32', null, 2 ** 40, {}, [32]])
    const changes = { shape: [2, 4], data: undefined, parameters: { binary_data_size: size } }
    const text = input(changes)
    const body = Buffer.concat([Buffer.from(text), Buffer.alloc(32)])
    return wrong(http(infer, body, [`Inference-Header-Content-Length: ${text.length}`]))
  },
  path: (draw) => {
    const path = draw.pick(wrongPaths)
    const method = draw.pick(['POST', 'POST', 'PUT', 'DELETE'])
    return wrong(http(path, valid, [], method))
  },
  head: (draw) => {
    const bytes = Buffer.from(draw.pick(wrongHeads), 'latin1')
    return { bytes, end: bytes.includes('\r\n\r\n') ? 'keep' : 'close', mayBeRight: false }
  },
  noise: (draw) => {
    const bytes = Buffer.from(Array.from({ length: 1 + draw.below(200) }, () => draw.below(256)))
    return { bytes, end: 'close', mayBeRight: false }
  },
  pipeline: (draw) => {
    const parts = Array.from({ length: 2 + draw.below(8) }, () => {
      return draw.below(2) === 0 ? http(infer, valid) : http(infer, draw.pick(wrongTexts))
    })
    return perhaps(Buffer.concat([...parts, Buffer.from('GARBAGE\r\n\r\n')]))
  },
  method: (draw) =>
    wrong(http(draw.pick(['/v2', infer, '/metrics', predict, '/']), '{}', [], draw.pick(['PUT', 'PATCH']))),
}

/** Draws the next malformed request. */
export function drawMalformed(draw: Random): Malformed {
  const name = draw.pick(Object.keys(kinds))
  return { name, ...(kinds[name] as Kind)(draw) }
}
