/** `GET /`: one HTML document with its style and script, the same for every server. The page requests all data that it shows. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { findFile, missing } from '../../base/packageRoot.js'
import { markup } from './markup.js'
import { style } from './style.js'

const client = 'dist/serve/page/client.js'

/**
 * Makes the handler that sends the page. Its security policy allows no other files and no scripts but its own. In a bundle
 * without the package's files there is no page.
 */
export function pageHandler(): (request: FastifyRequest, reply: FastifyReply) => void {
  const file = findFile(client)
  if (file === undefined) return (_request, reply) => reply.code(404).send({ error: missing(client).message })
  const script = joinedScript(file)
  const document = markup(style, script)
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': [
      "default-src 'none'",
      `script-src '${hashOf(script)}'`,
      `style-src '${hashOf(style)}'`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  }
  return (request, reply) => {
    const path = request.url.replace(/\?.*$/s, '')
    // The page requests addresses relative to its own, so that it works below any prefix; therefore its address has to end in a
    // slash.
    if (path.endsWith('/')) reply.headers(headers).send(document)
    else
      reply
        .code(308)
        .header('location', `./${path.slice(path.lastIndexOf('/') + 1)}/`)
        .send()
  }
}

/** The text of a script behind those that it imports, since the page loads no files. Declarations of all scripts have different names. */
function joinedScript(path: string, done = new Set<string>()): string {
  if (done.has(path)) return ''
  done.add(path)
  const text = readFileSync(path, 'utf8').replace(/^export (?:\{\};?\n?)?/gm, '')
  return text.replace(/^import .* from '(\.\/\w+\.js)';?\n/gm, (_, other) =>
    joinedScript(join(dirname(path), other), done),
  )
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
