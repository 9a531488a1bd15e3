/** Strangers of `bench strangers`, a process of its own: connections that show no token and send a head slowly, again and again. */

import { connect, type Socket } from 'node:net'

/** What the bench asks for: strangers first, and then, with nothing, what they did. */
export interface Strangers {
  readonly port: number
  readonly connections: number
}

/** What they did since it was last asked. */
export interface StrangersDone {
  readonly bytes: number
  readonly connects: number
}

const head = Buffer.from('POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n')
/** Between two bytes of a connection, in milliseconds. */
const pause = 2500
/** As many parts of them send in turn, so that their bytes come evenly, as from as many machines. */
const parts = 500

/** Open connections of each part, and how much of the head they have sent. */
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
    // Timers may come late: what is due is sent.
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
