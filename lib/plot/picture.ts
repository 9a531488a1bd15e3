/** A picture: SVG text that can be converted to PNG and saved. */

import { guardArity } from '../checks/arity.js'
import { checkNumber, checkOptions, refuse, refuseIdle } from '../checks/validate.js'
import { toPath, writeAtomically } from '../files/files.js'
import { fontFiles, fontsHave } from './fonts.js'
import { loadRasterizer } from './packages.js'

/** Options of {@link Picture.png}. */
export interface PngOptions {
  /**
   * Pixels for each unit of the SVG; default 2, or less where that is too many. A picture has at least one pixel in each direction,
   * and at most 2^25 pixels.
   */
  readonly scale?: number | undefined
}

const mostPixels = 2 ** 25

/** A finished picture. */
export class Picture {
  /** The heading. */
  readonly title: string
  /** One complete `<svg>` element, with a white background. */
  readonly svg: string
  readonly width: number
  readonly height: number

  /** @internal */
  constructor(title: string, svg: string, width: number, height: number) {
    this.title = title
    this.svg = svg
    this.width = width
    this.height = height
  }

  /**
   * Returns the bytes of a PNG file. Text is drawn with fonts that are part of the package, so that no installed font is needed.
   *
   * @throws NeurodeError `ERR_PACKAGE_MISSING` without the package `@resvg/resvg-js`; `ERR_FILE_NOT_FOUND` in a bundle without the
   * fonts.
   */
  async png(given?: PngOptions): Promise<Uint8Array> {
    const options = checkOptions(given, ['scale'], 'png')
    const mostScale = Math.floor(100 * Math.sqrt(mostPixels / (this.width * this.height))) / 100
    const leastScale = Math.ceil(1e4 / Math.min(this.width, this.height)) / 1e4
    const scale = checkNumber(options.scale ?? Math.min(2, mostScale), 'png: scale', leastScale, mostScale)
    const { Resvg } = loadRasterizer()
    const resvg = new Resvg(this.svg, {
      fitTo: { mode: 'zoom', value: scale },
      font: {
        fontFiles: fontFiles(),
        // Installed fonts are loaded only for characters that the package's fonts lack.
        loadSystemFonts: !fontsHave(this.svg),
        defaultFontFamily: 'Inter',
      },
    })
    return resvg.render().asPng()
  }

  /**
   * Writes the picture to a file whose name ends in `.svg` or `.png`, atomically: after a failure the old file is unchanged.
   *
   * @throws NeurodeError `ERR_FILE_WRITE`; `ERR_ARGUMENT` for another ending.
   */
  async save(path: string | URL, options?: PngOptions): Promise<void> {
    const file = toPath(path, 'path')
    if (/\.svg$/i.test(file)) {
      refuseIdle(checkOptions(options, ['scale'], 'save'), ['scale'], 'save', 'for an SVG, which has no pixels')
      await writeAtomically(file, [Buffer.from(this.svg)])
    } else if (/\.png$/i.test(file)) await writeAtomically(file, [await this.png(options)])
    else refuse('path', 'a name that ends in .svg or .png', file)
  }
}

guardArity(Picture.prototype, 'picture')
