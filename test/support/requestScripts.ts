/** Draws from a seed what clients may send on one connection: right and wrong requests, in pieces and pipelined. */

import type { Random } from './random.js'
import { binaryInfer, inferBody } from './serving.js'

/** The requests of one connection: the bytes that are sent, and when. */
export interface Script {
  readonly steps: readonly Step[]
  /** The methods of the requests, in order. */
  readonly methods: readonly string[]
}

/** Pieces that are sent one after the other, once a number of answers has arrived. */
export interface Step {
  readonly answers: number
  readonly pieces: readonly Buffer[]
}

interface Message {
  readonly method: string
  readonly bytes: Buffer
  /** Whether the request may end the connection. If so, all earlier answers are awaited before it is sent. */
  readonly isOdd: boolean
}

type Fields = [name: string, value: string][]

const rows = [
  [1, 2, 3, 4],
  [0.5, -0.25, 1e-3, 7],
]
const binary = binaryInfer(Float32Array.from(rows.flat()), 4, { parameters: { binary_data_output: true } })
const headerLength = 'Inference-Header-Content-Length'
const forV1 = JSON.stringify({ instances: rows })

type Body = readonly [body: string | Buffer, ...fields: Fields]

const bodies: readonly Body[] = [
  [inferBody(rows)],
  [inferBody(rows.slice(1), { id: 'ä ☃ "' })],
  [inferBody(rows.slice(1), { id: '' })],
  [forV1],
  [JSON.stringify({ inputs: { input: rows } })],
  [binary.body, [headerLength, binary.headers['inference-header-content-length']]],
  [binary.body.subarray(0, -1), [headerLength, binary.headers['inference-header-content-length']]],
  [binary.body, [headerLength, '0001'.concat(binary.headers['inference-header-content-length'])]],
  [binary.body, [headerLength, `000${binary.headers['inference-header-content-length']}`]],
  [binary.body],
  [inferBody([...rows, ...rows])],
  [inferBody(rows).replace('[', '{')],
  [inferBody([[1, 2, 3]])],
  ['{}'],
  ['[]'],
  [''],
  [' '],
  ['{"instances":[[1e39,2,3,4]]}'],
  ['\xff\xfe'],
]
const paths = [
  '/v2/models/m/infer',
  '/v2/models/m/versions/1/infer',
  '/v1/models/m:predict',
  '/v1/models/m/versions/1:predict',
]
const otherPaths = [
  '/v2/models/none/infer',
  '/v2/models/m/versions/7/infer',
  '/v1/models/none:predict',
  '/v1/models/m:classify',
  '/v2/models/%6d/infer',
  '/v2/models/m/infer?x=1',
  '/v2/models/m/infer/',
  '/v2/models/m/infer#a',
  '/v2//models/m/infer',
  '/v2/models/m',
  '/v2',
  '/v2/',
  '/none',
  '/v2/health/live',
  `/v2/models/${'a'.repeat(100)}/infer`,
  `/v2/models/${'a'.repeat(201)}/infer`,
  'http://localhost/v2/models/m/infer',
  '/v2/models/__proto__/infer',
  '/v2/models/../infer',
]
const hosts = [
  'localhost',
  'LOCALHOST:80',
  'localhost.',
  'a.example',
  '127.0.0.1:1',
  'elsewhere.example',
  '[::1]',
  'a b',
]
const types = [
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON',
  'text/plain',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'application/vnd.x+json',
  'multipart/form-data; boundary=x',
  '{}',
  'json',
]
const tokens = [
  'Bearer secret',
  'bearer  secret',
  'Bearer secret ',
  'Bearer other',
  'Basic secret',
  'Bearer',
  'Bearer secret, Bearer secret',
]
const oddFields: readonly Fields[] = [
  [['Connection', 'keep-alive']],
  [['Connection', 'Keep-Alive']],
  [['Connection', 'close']],
  [['Connection', 'keep-alive, close']],
  [['Connection', 'keep-alive, Upgrade']],
  [['Connection', '']],
  [['Connection', 'x']],
  [['Proxy-Connection', 'close']],
  [['Proxy-Connection', 'keep-alive']],
  [['Keep-Alive', 'timeout=1']],
  [['Upgrade', 'h2c']],
  // No entry has both `Upgrade` and `Connection: Upgrade`: how node:http handles the bytes behind such a request depends on
  // when they arrive.
  [['Connection', 'Upgrade']],
  [['Expect', '100-continue']],
  [['Expect', '100-Continue']],
  [['Expect', '200-maybe']],
  [['Expect', '']],
  [['TE', 'trailers']],
  [['Trailer', 'X']],
  [['Content-Encoding', 'identity']],
  [['Content-Encoding', 'gzip']],
  [['Content-Encoding', '']],
  [['Accept', '*/*']],
  [['Accept-Encoding', 'gzip, br']],
  [['User-Agent', 'x'.repeat(300)]],
  [['X', 'y'.repeat(5000)]],
  [['X', '']],
  [['X', '\t tabs \t']],
  [['X_under-score.dot!', 'y']],
  [['X', '\xe4\xf6']],
  [['Cookie', 'a=b; c=d']],
  [
    ['Cookie', 'a=b'],
    ['Cookie', 'c=d'],
  ],
  [['Content-Length ', '3']],
  [['X-HTTP-Method-Override', 'GET']],
  [['Forwarded', 'for=1.2.3.4']],
  [[headerLength, '-1']],
  [[headerLength, '0x10']],
  [[headerLength, '1e1']],
  [[headerLength, '']],
  [[headerLength, '9999']],
  [[headerLength, '0']],
  [['X', 'a\x01b']],
  [['X', 'a\x7fb']],
  [['X', 'a\x00b']],
  [['', 'x']],
  [['A B', 'x']],
  [['Transfer-Encoding', 'identity']],
  [['Transfer-Encoding', 'gzip']],
  Array.from({ length: 150 }, (_, i) => [`X-${i}`, 'y'] as [string, string]),
  [['X', 'y'.repeat(17_000)]],
]
const lengthsOf = (length: number): readonly string[] => [
  `+${length}`,
  `-${length}`,
  `0${length}`,
  `${'0'.repeat(20)}${length}`,
  `${length} `,
  `${length},${length}`,
  `${length}, ${length}`,
  `0x${length.toString(16)}`,
  '',
  'x',
  '99999999999999999999',
  '1000000000000000',
]

/** Draws a connection with a few requests. */
export function drawScript(draw: Random): Script {
  const count = draw.pick([1, 1, 1, 2, 3, 6])
  const messages = Array.from({ length: count }, () => drawMessage(draw))
  const isPipeline = draw.below(2) === 0
  const steps: { readonly answers: number; readonly parts: Buffer[] }[] = []
  for (const [i, { bytes, isOdd }] of messages.entries()) {
    const last = steps.at(-1)
    const awaitsOthers = !isPipeline || isOdd || messages[i - 1]?.isOdd === true
    if (last === undefined || awaitsOthers) steps.push({ answers: i, parts: [bytes] })
    else last.parts.push(bytes)
  }
  return {
    methods: messages.map(({ method }) => method),
    steps: steps.map(({ answers, parts }) => ({ answers, pieces: cut(draw, Buffer.concat(parts)) })),
  }
}

/** Cuts bytes into pieces at random places. */
function cut(draw: Random, bytes: Buffer): Buffer[] {
  const most = draw.pick([0, 0, 1, 3, 8])
  const places = Array.from({ length: most }, () => draw.below(bytes.length)).sort((a, b) => a - b)
  return [0, ...places]
    .map((from, i) => bytes.subarray(from, places[i] ?? bytes.length))
    .filter(({ length }) => length > 0)
}

function drawMessage(draw: Random): Message {
  const isUsual = draw.below(3) === 0
  const sometimes = (times: number) => !isUsual && draw.below(times) === 0
  const path = sometimes(4) ? draw.pick(otherPaths) : draw.pick(paths)
  const method = sometimes(10) ? draw.pick(['GET', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'FETCH', 'post']) : 'POST'
  const version = sometimes(30) ? draw.pick(['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ']) : 'HTTP/1.1'
  const [body, ...more] = draw.below(2) === 0 ? (bodies[0] as Body) : draw.pick(bodies)
  const sent = Buffer.from(body as string, 'latin1')
  const content = typeof body === 'string' ? Buffer.from(body) : sent
  const fields: Fields = [['Host', sometimes(6) ? draw.pick(hosts) : 'localhost'], ...more]
  if (sometimes(30)) fields.shift()
  if (sometimes(30)) fields.push(['host', draw.pick(hosts)])
  if (draw.below(3) > 0) fields.push(['Content-Type', draw.pick(isUsual ? types.slice(0, 5) : types)])
  if (draw.below(3) > 0) fields.push(['Authorization', draw.below(3) > 0 ? 'Bearer secret' : draw.pick(tokens)])
  if (sometimes(20)) fields.push(['authorization', draw.pick(tokens)])
  if (sometimes(3)) fields.push(...draw.pick(oddFields))
  const isChunked = sometimes(8)
  let isOdd = !isUsual
  const ending = isChunked ? chunks(draw, content) : content
  if (isChunked) {
    fields.push(['Transfer-Encoding', draw.pick(['chunked', 'chunked', 'Chunked', 'gzip, chunked'])])
    if (draw.below(10) === 0) fields.push(['Content-Length', String(content.length)])
  } else if (!sometimes(20)) {
    const length = sometimes(12) ? draw.pick(lengthsOf(content.length)) : String(content.length)
    fields.push([draw.pick(['Content-Length', 'content-length']), length])
    if (sometimes(30)) fields.push(['Content-Length', String(content.length + draw.below(2))])
  }
  if (sometimes(3)) shuffle(draw, fields)
  const colon = sometimes(10) ? draw.pick([':', ':  ', ' : ', ':\t']) : ': '
  const end = sometimes(40) ? '\n' : '\r\n'
  const lines = [`${method} ${path} ${version}`, ...fields.map(([name, value]) => `${name}${colon}${value}`), '', '']
  if (sometimes(40)) lines.splice(1 + draw.below(lines.length - 2), 0, draw.pick([' folded', 'no colon', '\t']))
  const leading = sometimes(30) ? draw.pick(['\r\n', '\n', ' ', '\r\n\r\n']) : ''
  let bytes = Buffer.concat([Buffer.from(leading + lines.join(end), 'latin1'), ending])
  if (sometimes(30)) {
    bytes = Buffer.from(bytes)
    bytes[draw.below(bytes.length)] = draw.below(256)
  }
  if (sometimes(20)) bytes = bytes.subarray(0, 1 + draw.below(bytes.length))
  if (isUsual) isOdd = false
  return { method, bytes, isOdd }
}

function chunks(draw: Random, content: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < content.length; ) {
    const piece = content.subarray(at, at + 1 + draw.below(100))
    const extension = draw.below(10) === 0 ? ';a=b' : ''
    parts.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from('\r\n'))
    at += piece.length
  }
  return Buffer.concat([...parts, Buffer.from(draw.below(10) === 0 ? '0\r\nX: y\r\n\r\n' : '0\r\n\r\n')])
}

function shuffle(draw: Random, fields: Fields): void {
  for (let i = fields.length - 1; i > 0; i--) {
    const other = draw.below(i + 1)
    ;[fields[i], fields[other]] = [fields[other] as Fields[number], fields[i] as Fields[number]]
  }
}
