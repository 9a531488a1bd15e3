/** The fonts that are part of the package, and the characters that they contain. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFile, missing } from '../base/packageRoot.js'

interface Font {
  readonly path: string
  /** Ranges of the code points that the font contains, in order. */
  readonly ranges: readonly (readonly [first: number, last: number])[]
}

const fontsFolder = 'assets/fonts'

let loaded: readonly Font[] | undefined

function fonts(): readonly Font[] {
  loaded ??= readFonts()
  return loaded
}

function readFonts(): Font[] {
  const folder = findFile(fontsFolder)
  if (folder === undefined) throw missing(fontsFolder)
  const names = readdirSync(folder).filter((name) => name.endsWith('.ttf'))
  return names.map((name) => {
    const path = join(folder, name)
    return { path, ranges: readRanges(readFileSync(path)) }
  })
}

/** The paths of the fonts. */
export function fontFiles(): string[] {
  return fonts().map(({ path }) => path)
}

/** Characters that need no glyph: white space, control characters, and ignorable code points. */
const invisible = /[\s\p{C}\p{Default_Ignorable_Code_Point}]/u

/** Whether every font contains all visible characters of a text. */
export function fontsHave(text: string): boolean {
  return [...new Set(text)].every((character) => {
    const code = character.codePointAt(0) as number
    return invisible.test(character) || fonts().every(({ ranges }) => isWithin(code, ranges))
  })
}

function isWithin(code: number, ranges: Font['ranges']): boolean {
  return ranges.some(([first, last]) => code >= first && code <= last)
}

/** Reads the segments of a TrueType font's `cmap` table of format 4, without the last one, which is the same in every font. */
function readRanges(file: Buffer): Font['ranges'] {
  const tables = Array.from({ length: file.readUInt16BE(4) }, (_, i) => 12 + 16 * i)
  const entry = tables.find((at) => file.toString('latin1', at, at + 4) === 'cmap') as number
  const cmap = file.readUInt32BE(entry + 8)
  const subtables = Array.from(
    { length: file.readUInt16BE(cmap + 2) },
    (_, i) => cmap + file.readUInt32BE(cmap + 8 + 8 * i),
  )
  const at = subtables.find((offset) => file.readUInt16BE(offset) === 4) as number
  const segments = file.readUInt16BE(at + 6) / 2
  return Array.from({ length: segments - 1 }, (_, i): readonly [number, number] => [
    file.readUInt16BE(at + 16 + 2 * (segments + i)),
    file.readUInt16BE(at + 14 + 2 * i),
  ])
}
