/** The load of `bench strangers`, a separate process: connections that show no token and send a head slowly, again and again. */

import { connect, type Socket } from 'node:net'

/** The message that starts the strangers. A later message without fields asks what they have done. */
export interface Strangers {
  readonly port: number
  readonly connections: number
}

/** What the strangers have done since the last question. */
export interface StrangersDone {
  readonly bytes: number
  readonly connects: number
}

const head = Buffer.from('POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n')
/** Time between two bytes on a connection, in milliseconds. */
const pause = 2500
/** The connections are divided into this many parts, which send in turn, so that the bytes arrive evenly, as from many machines. */
const parts = 500

/** For each part: its open connections, and how many bytes of the head each has sent. */
const open = Array.from({ length: parts }, () => new Map<Socket, number>())
let count = 0
let bytes = 0
let connects = 0
let isOver = false

function begin(port: number, part: number): void {
  if (isOver) return
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.on('connect', () => {
    open[part]?.set(socket, 0)
    count++
    connects++
  })
  socket.on('close', () => {
    if (open[part]?.delete(socket)) count--
    setTimeout(() => begin(port, part), pause / 10)
  })
}

function send(part: Map<Socket, number>): void {
  for (const [socket, at] of part) {
    if (at >= head.length) continue
    socket.write(head.subarray(at, at + 1))
    part.set(socket, at + 1)
    bytes++
  }
}

async function start({ port, connections }: Strangers): Promise<void> {
  for (let i = 0; i < connections; i++) {
    begin(port, i % parts)
    if (i % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  while (count < 0.95 * connections) await new Promise((resolve) => setTimeout(resolve, 50))
  process.send?.(count)
  const began = performance.now()
  let turn = 0
  setInterval(() => {
    // Timers may fire late, so all parts that are due by now send.
    const due = Math.floor(((performance.now() - began) * parts) / pause)
    while (turn < due) send(open[turn++ % parts] as Map<Socket, number>)
  }, pause / parts)
}

process.on('message', (message: Strangers | 'done') => {
  if (message !== 'done') return void start(message)
  process.send?.({ bytes, connects } satisfies StrangersDone)
  bytes = connects = 0
})

process.on('disconnect', () => {
  isOver = true
  process.exit()
})
