/** Accepts connections for a server that listens nowhere itself. They are not read until `resume`. */

import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** As node:http's own server has them. */
const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true }

export class FrontDoor {
  /** Emits every connection, whichever address it came to. Its limit holds for each address. */
  readonly server = createServer(options)
  readonly #others: Server[] = []

  /** On all addresses where `host` is localhost: clients take the one or the other. */
  async listen(host: string, port: number): Promise<void> {
    await listenOn(this.server, host, port)
    if (host !== 'localhost') return
    const main = this.server.address() as { readonly address: string; readonly port: number }
    for (const { address } of await lookup(host, { all: true }).catch(() => [])) {
      if (address !== main.address) await this.#alsoListen(address, main.port)
    }
  }

  /** Accepts no more. Resolves once the last connection has ended. */
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
      // The first address is the one that was promised.
    }
  }
}

async function listenOn(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  await once(server, 'listening')
}
