/** Loads the optional packages that draw, when the first picture is drawn. */

import type { PlotOptions } from '@observablehq/plot'
import { NeurodeError } from '../base/errors.js'
import { ownPackage, requireHere } from '../base/packageRoot.js'

const install = 'npm install @observablehq/plot linkedom @resvg/resvg-js'

/** Observable Plot, and a document that it draws in. */
export interface Drawing {
  readonly Plot: typeof import('@observablehq/plot')
  readonly document: NonNullable<PlotOptions['document']>
}

/** Warns if packages are missing, already when the module is imported, as the first picture often comes after a long training. */
export function warnOfMissing(): void {
  // In a bundle, the bundler has included the packages or has warned.
  if (ownPackage() === undefined) return
  const { resolve } = requireHere()
  const isMissing = (name: string) => {
    try {
      return resolve(name) === ''
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    }
  }
  const missing = ['@observablehq/plot', 'linkedom'].filter(isMissing)
  if (missing.length === 0) return
  const message = `neurode/plot draws nothing without ${missing.join(' and ')}. Pictures take: ${install}`
  process.emitWarning(message, { code: 'NEURODE_PACKAGE_MISSING' })
}

let drawing: Promise<Drawing> | undefined

/** Loads the packages that draw, once. */
export function loadDrawing(): Promise<Drawing> {
  drawing ??= load().catch((error: unknown) => {
    drawing = undefined
    throw error
  })
  return drawing
}

// Each import has its own try block: then bundlers include the package if it is installed, and continue if not.
async function load(): Promise<Drawing> {
  let Plot: Drawing['Plot']
  try {
    Plot = await import('@observablehq/plot')
  } catch (cause) {
    throw explain(cause, 'neurode/plot', '@observablehq/plot')
  }
  try {
    const { parseHTML } = await import('linkedom')
    return { Plot, document: parseHTML('<html></html>').document as unknown as Drawing['document'] }
  } catch (cause) {
    throw explain(cause, 'neurode/plot', 'linkedom')
  }
}

/** Loads the package that converts SVG to PNG. It is native code, which bundlers cannot include. */
export function loadRasterizer(): typeof import('@resvg/resvg-js') {
  try {
    return requireHere()('@resvg/resvg-js')
  } catch (cause) {
    throw explain(cause, 'a PNG file', '@resvg/resvg-js')
  }
}

/** The error for a failed import: `ERR_PACKAGE_MISSING`, with the command to install the packages, if the package is not installed. */
function explain(cause: unknown, what: string, name: string): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return cause
  return new NeurodeError('ERR_PACKAGE_MISSING', `${what} needs the package ${name}. Pictures take: ${install}`, {
    cause,
  })
}
