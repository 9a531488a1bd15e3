/** The packages that pictures are drawn with: optional, and loaded when the first picture is. */

import type { PlotOptions } from '@observablehq/plot'
import { NeurodeError } from '../errors.js'

/** Imports the optional package; `ERR_PACKAGE_MISSING` says what to install where it is not there. */
async function optional<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new NeurodeError('ERR_PACKAGE_MISSING', `${what} needs the package ${name}: npm install ${name}`, { cause })
  }
}

/** Observable Plot and a document for it to draw in. */
export interface Drawing {
  readonly Plot: typeof import('@observablehq/plot')
  readonly document: NonNullable<PlotOptions['document']>
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

async function load(): Promise<Drawing> {
  const what = 'neurode/plot'
  const [Plot, { parseHTML }] = [
    await optional('@observablehq/plot', what, () => import('@observablehq/plot')),
    await optional('linkedom', what, () => import('linkedom')),
  ]
  return { Plot, document: parseHTML('<html></html>').document as unknown as Drawing['document'] }
}

/** Loads what turns SVG into PNG. */
export async function loadRasterizer(): Promise<typeof import('@resvg/resvg-js')> {
  return optional('@resvg/resvg-js', 'a PNG file', () => import('@resvg/resvg-js'))
}
