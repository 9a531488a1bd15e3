/** Limits on what archives unpack to. */

import { checkDouble } from '../checks/validate.js'

const least = 2 ** 28
const mostTimes = 16

/** Bytes that an archive of so many may unpack to where nobody says: 256 MiB, or 16 times its own where that is more. */
export function unpackedLimit(maxBytes: unknown, archiveBytes: number): number {
  return maxBytes === undefined ? Math.max(least, mostTimes * archiveBytes) : checkDouble(maxBytes, 'maxBytes', 0)
}
