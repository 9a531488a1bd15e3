/** The packages that pictures are drawn with: optional, and loaded when the first picture is. */

import type { PlotOptions } from '@observablehq/plot'
import { NeurodeError } from '../base/errors.js'
import { ownPackage, requireHere } from '../base/packageRoot.js'

const install = 'npm install @observablehq/plot linkedom @resvg/resvg-js'

/** Observable Plot and a document for it to draw in. */
export interface Drawing {
  readonly Plot: typeof import('@observablehq/plot')
  readonly document: NonNullable<PlotOptions['document']>
}

/** Warns where nothing can be drawn: a training takes long, and the first picture often comes after it. */
export function warnOfMissing(): void {
  // A bundler has taken them in, or warned.
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

/** Loads what draws, once. */
export function loadDrawing(): Promise<Drawing> {
  drawing ??= load().catch((error: unknown) => {
    drawing = undefined
    throw error
  })
  return drawing
}

// Where an import stands in a try block of its own, bundlers take the package in if it is there, and go on if not.
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

/** Loads what turns SVG into PNG: native code, which bundlers could not take in. */
export function loadRasterizer(): typeof import('@resvg/resvg-js') {
  try {
    return requireHere()('@resvg/resvg-js')
  } catch (cause) {
    throw explain(cause, 'a PNG file', '@resvg/resvg-js')
  }
}

/** What to throw where an import failed: `ERR_PACKAGE_MISSING`, with everything that pictures take, if the package is not there. */
function explain(cause: unknown, what: string, name: string): unknown {
  const { code } = cause as NodeJS.ErrnoException
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return cause
  return new NeurodeError('ERR_PACKAGE_MISSING', `${what} needs the package ${name}. Pictures take: ${install}`, {
    cause,
  })
}
