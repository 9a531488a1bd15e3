/** Columns of a file while it is found out what they are. */

import type { Decimal } from '../../formats/csvNumbers.js'
import type { CellRules, Reading } from './cells.js'
import { numberCells, type Wanted } from './columns.js'
import type { NumberCells } from './numberCells.js'
import type { CellReader } from './rows.js'
import { type CsvFile, textCells } from './settings.js'
import type { TextCells } from './textCells.js'

/** A column while it is read: texts at first, and numbers as long as that is what they are. */
export interface Guess extends Wanted {
  texts: TextCells | undefined
  numbers: NumberCells | undefined
  reading: Reading | undefined
  reader(): CellReader
}

export function guessOf(file: CsvFile, { name, place, asked }: Wanted): Guess {
  return {
    ...{ name, place, asked, texts: textCells(file), numbers: undefined, reading: undefined },
    reader() {
      return (this.numbers ?? this.texts) as CellReader
    },
  }
}

/** The numbers that texts are, one for each; undefined if one is no number, or has marks between thousands. */
export function plainNumbers({ asked, texts }: Guess, decimal: Decimal, rules: CellRules): NumberCells | undefined {
  const numbers = numberCells(decimal, rules, { guess: true, asked: asked === 'number' })
  for (const [i, word] of (texts as TextCells).words().entries()) {
    numbers.set(i, Buffer.from(`${word}"`), 0, Buffer.byteLength(word))
  }
  return numbers.failed === undefined ? numbers : undefined
}
