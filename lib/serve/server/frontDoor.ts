/** Accepts connections on behalf of a server that does not listen itself. The connections are paused until `resume` is called. */

import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** The same options as node:http's own server uses, but for `pauseOnConnect`. */
const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true }

export class FrontDoor {
  /** Emits every connection, whichever address it came to. The server's limit on connections holds for each address separately. */
  readonly server = createServer(options)
  readonly #others: Server[] = []

  /** Listens at `host`. For localhost it listens on all addresses of that name, because some clients use IPv4 and others IPv6. */
  async listen(host: string, port: number): Promise<void> {
    await listenOn(this.server, host, port)
    if (host !== 'localhost') return
    const main = this.server.address() as { readonly address: string; readonly port: number }
    for (const { address } of await lookup(host, { all: true }).catch(() => [])) {
      if (address !== main.address) await this.#alsoListen(address, main.port)
    }
  }

  /** Accepts no more connections. Resolves once the last connection has ended. */
  async close(): Promise<void> {
    const servers = [this.server, ...this.#others]
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))))
  }

  async #alsoListen(host: string, port: number): Promise<void> {
    const server = createServer(options)
    server.maxConnections = this.server.maxConnections
    for (const event of ['connection', 'drop']) server.on(event, (...about) => this.server.emit(event, ...about))
    try {
      await listenOn(server, host, port)
      this.#others.push(server)
    } catch {
      // This address is optional: only the first address has to work.
    }
  }
}

async function listenOn(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  await once(server, 'listening')
}
