/** The version of the package. */

import { findPackage } from '../packageRoot.js'

export function packageVersion(): string {
  return findPackage().packageFile.version
}
