/** Authentication with bearer tokens. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { NeurodeError } from '../../base/errors.js'
import { HttpError } from './httpErrors.js'

/** Checks a header `Authorization`; throws an {@link HttpError} with status 401. */
export type Authorize = (header: string | undefined) => void

const challenge = { 'www-authenticate': 'Bearer realm="neurode"' }

/** Makes a check that accepts any of these tokens. The time it takes does not depend on how much of a token is right. */
export function bearerTokens(tokens: readonly string[]): Authorize {
  for (const token of tokens) {
    // A header cannot carry other characters unchanged.
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
      throw new NeurodeError('ERR_ARGUMENT', 'tokens: expected visible ASCII characters without blanks')
    }
  }
  const digests = tokens.map(digest)
  return (header) => {
    const token = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
    if (token === undefined) {
      throw new HttpError(401, 'Authorization: expected a bearer token', challenge)
    }
    const given = digest(token)
    let matches = 0
    for (const known of digests) matches |= Number(timingSafeEqual(given, known))
    if (matches === 0) {
      const headers = { 'www-authenticate': `${challenge['www-authenticate']}, error="invalid_token"` }
      throw new HttpError(401, 'Authorization: the token is not known', headers)
    }
  }
}

/** Reads the tokens of a file, one on each line. Blank lines and lines that begin with # are skipped. */
export async function readTokens(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new NeurodeError('ERR_FILE_NOT_FOUND', `${path}: cannot be read: ${error.message}`, { cause: error })
  })
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (tokens.length > 0) return tokens
  throw new NeurodeError('ERR_FILE_FORMAT', `${path}: expected a token, got an empty file`)
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
