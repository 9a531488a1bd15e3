/** Limits on the size that archives unpack to. */

import { checkDouble } from '../checks/validate.js'

const least = 2 ** 28
const mostTimes = 16

/** The most bytes that an archive may unpack to: `maxBytes`, by default 256 MiB or 16 times its own size, whichever is more. */
export function unpackedLimit(maxBytes: unknown, archiveBytes: number): number {
  return maxBytes === undefined ? Math.max(least, mostTimes * archiveBytes) : checkDouble(maxBytes, 'maxBytes', 0)
}
