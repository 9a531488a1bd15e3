/** Strangers of `bench strangers`, a process of its own: connections that show no token and send a head slowly, again and again. */

import { connect, type Socket } from 'node:net'

/** What the bench asks for. */
export interface Strangers {
  readonly port: number
  readonly connections: number
}

const head = Buffer.from('POST /v2/models/net/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n')
/** Between two bytes of a connection, in milliseconds. */
const pause = 2500

const open = new Map<Socket, number>()
let isOver = false

function begin(port: number): void {
  if (isOver) return
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.on('data', () => {})
  socket.on('connect', () => open.set(socket, 0))
  socket.on('close', () => {
    open.delete(socket)
    setTimeout(() => begin(port), pause / 10)
  })
}

process.on('message', async ({ port, connections }: Strangers) => {
  for (let i = 0; i < connections; i++) {
    begin(port)
    if (i % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  while (open.size < 0.95 * connections) await new Promise((resolve) => setTimeout(resolve, 50))
  process.send?.(open.size)
  let turn = 0
  const parts = 50
  setInterval(() => {
    turn++
    let place = 0
    for (const [socket, at] of open) {
      if (place++ % parts !== turn % parts || at >= head.length) continue
      socket.write(head.subarray(at, at + 1))
      open.set(socket, at + 1)
    }
  }, pause / parts)
})

process.on('disconnect', () => {
  isOver = true
  process.exit()
})
