/** Mirrors on the loopback interface that misbehave in given ways. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Mirror {
  /** The address of the mirror, which ends in a slash. */
  readonly url: string
  /** The requested paths, in order. */
  readonly requests: readonly string[]
}

/** Runs `work` with a server for each handler, and then stops the servers. */
export async function withMirrors<T>(
  handlers: readonly Handler[],
  work: (mirrors: readonly Mirror[]) => Promise<T>,
): Promise<T> {
  const servers = handlers.map((handler) => {
    const requests: string[] = []
    const server = createServer((request, response) => {
      requests.push(request.url ?? '')
      handler(request, response)
    })
    return { server, requests }
  })
  try {
    const mirrors: Mirror[] = []
    for (const { server, requests } of servers) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      mirrors.push({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests })
    }
    return await work(mirrors)
  } finally {
    for (const { server } of servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

/** Serves files by their path without the leading slash; 404 for all other paths. */
export function serve(files: Readonly<Record<string, Uint8Array>>): Handler {
  return (request, response) => {
    const file = files[request.url?.slice(1) ?? '']
    if (!file) response.writeHead(404).end('not here')
    else response.writeHead(200, { 'content-length': file.length }).end(file)
  }
}

export const missing: Handler = (_, response) => {
  response.writeHead(404).end('not here')
}

/** Accepts requests and never answers. */
export const silent: Handler = () => {}

/** Sends the first bytes of a longer body and then nothing more. */
export const stalling: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': 1000 }).write('some')
}

/** Sends the first bytes of a longer body and cuts the connection. */
export const cutting: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': 1000 }).write('some', () => response.destroy())
}
