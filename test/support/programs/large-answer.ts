/** Serves one large answer on the fast path. Prints by how many bytes the process has grown afterwards, and the bytes of the answer. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { layers, sequential } from 'neurode'
import { serve } from 'neurode/serve'
import { binaryInfer } from '../serving.js'

const [rows, units] = [4096, 4000]
const model = sequential([layers.dense({ units, inputShape: [2] })])
const server = await serve({ models: { m: model }, port: 0, device: 'cpu', threads: 1 })
const { hostname, port } = new URL(server.url)
const socket = connect(Number(port), hostname)
await once(socket, 'connect')

/** Number of bytes received. */
let received = 0
socket.on('data', ({ length }) => {
  received += length
})

async function answer(count: number): Promise<void> {
  const { headers, body } = binaryInfer(new Float32Array(2 * count), 2, { parameters: { binary_data_output: true } })
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const length = `Content-Length: ${body.length}\r\n`
  received = 0
  socket.write(`POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\n${length}${fields.join('')}\r\n`)
  socket.write(body)
  while (received < 4 * count * units) await sleep(5)
}

async function residentBytes(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await sleep(20)
  }
  return process.memoryUsage().rss
}

for (let i = 0; i < 20; i++) await answer(1)
const before = await residentBytes()
await answer(rows)
console.log(JSON.stringify({ grown: (await residentBytes()) - before, answer: 4 * rows * units }))
socket.destroy()
await server.close()
