/** The version of the package. */

import { thisPackage } from './packageRoot.js'

export function packageVersion(): string {
  return thisPackage().version
}
