/** Checks the header `Host`, against DNS rebinding: a web page elsewhere whose name was made to point to this machine gets no answers. */

import { BlockList, isIP, type Server } from 'node:net'
import { refuse, refuseIdle } from '../../checks/validate.js'
import { HttpError } from './httpErrors.js'

/** Checks a header `Host`; throws an {@link HttpError} with status 421. */
export type CheckHost = (header: string | undefined) => void

interface HostOptions {
  /** The address that the server listens on, as the option has it. */
  readonly host: string
  readonly tokens?: readonly string[] | undefined
  readonly allowedHosts?: readonly string[] | undefined
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * The check of a server; undefined if the server asks for tokens, which a web page elsewhere does not have. Without
 * `allowedHosts` the check applies to loopback addresses only, since a server cannot know all of its names in a network.
 */
export function hostRule(server: Server, { host, tokens, allowedHosts }: HostOptions): CheckHost | undefined {
  const names = new Set(['localhost', plain(host), ...checkNames(allowedHosts ?? []).map(plain)])
  if (tokens !== undefined) {
    refuseIdle({ allowedHosts }, ['allowedHosts'], 'serve', 'with tokens, which let in whatever the host is')
    return undefined
  }
  let isOpen: boolean | undefined
  let isEverywhere = false
  const listening = () => {
    const address = server.address()
    const at = typeof address === 'object' && address !== null ? address.address : ''
    names.add(at)
    isEverywhere = at === '::' || at === '0.0.0.0'
    return allowedHosts === undefined && !isLoopback(at)
  }
  return (header) => {
    isOpen ??= listening()
    // A request without the header is no danger: browsers always send it.
    if (isOpen || header === undefined) return
    const name = nameIn(header)
    if (names.has(name) || isLoopback(name) || (isEverywhere && isIP(name) !== 0)) return
    throw new HttpError(
      421,
      `Host: expected localhost or a host that is allowed, got ${JSON.stringify(name.slice(0, 100))}`,
    )
  }
}

/**
 * Throws an {@link HttpError} with status 400 if a request has two headers `Host` (RFC 9112, 3.2). `fields` holds names and
 * values in turn.
 */
export function checkOneHost(fields: readonly string[]): void {
  const hosts = fields.filter((name, i) => i % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host')
  if (hosts.length > 1) throw new HttpError(400, `Host: expected one, got ${hosts.length}`)
}

function isLoopback(name: string): boolean {
  const version = isIP(name)
  return version !== 0 && loopback.check(name, version === 6 ? 'ipv6' : 'ipv4')
}

/** The host in a header `Host`, without its port and brackets. */
function nameIn(header: string): string {
  return plain(header.replace(/:\d*$/, ''))
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\[(.*)\]$/s, '$1')
    .replace(/\.$/, '')
}

function checkNames(names: unknown): readonly string[] {
  if (!Array.isArray(names)) return refuse('allowedHosts', 'a list of names', names)
  return names.map((name: unknown) => {
    const isName = typeof name === 'string' && (/^[\w.-]{1,255}$/.test(name) || isIP(plain(name)) !== 0)
    return isName ? name : refuse('allowedHosts', "names without ports, such as 'models.example'", name)
  })
}
