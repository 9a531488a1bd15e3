/** Makes words of texts: standardizes, splits, and joins neighbours to n-grams. */

import { refuse } from '../checks/validate.js'

/** How texts are standardized: a name, or a function. */
export type Standardize = 'lowerAndStripPunctuation' | 'lower' | 'stripPunctuation' | ((text: string) => string)

/** How texts are split: a name, or a function. */
export type TextSplit = 'whitespace' | 'character' | ((text: string) => readonly string[])

/** The 32 marks of ASCII. */
const punctuation = /[!-/:-@[-`{-~]/g
/** The whitespace of ASCII; other spaces do not separate words. */
const whitespace = /[\t\n\v\f\r ]+/

const beyondAscii = /[\u0080-\uffff]/

/** Lower case for the letters of ASCII alone, as TensorFlow has it. */
function lower(text: string): string {
  if (!beyondAscii.test(text)) return text.toLowerCase()
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

const strip = (text: string) => text.replace(punctuation, '')

export const standardizers: ReadonlyMap<string, (text: string) => string> = new Map([
  ['lowerAndStripPunctuation', (text: string) => strip(lower(text))],
  ['lower', lower],
  ['stripPunctuation', strip],
])

export const splitters: ReadonlyMap<string, (text: string) => readonly string[]> = new Map([
  ['whitespace', (text: string) => text.split(whitespace).filter((word) => word !== '')],
  ['character', (text: string) => Array.from(text)],
])

/** The words of a text that was given to a function of the caller. */
export function checkWords(words: unknown, argument: string): readonly string[] {
  const isList = Array.isArray(words) && words.every((word) => typeof word === 'string')
  return isList ? words : refuse(argument, 'a function that gives a list of texts', words)
}

/** Joins each word and its next ones to n-grams, those of the first length before those of the next. */
export function ngramsOf(words: readonly string[], lengths: readonly number[]): readonly string[] {
  return lengths.flatMap((length) => {
    if (length === 1) return words
    const count = Math.max(0, words.length - length + 1)
    return Array.from({ length: count }, (_, i) => words.slice(i, i + length).join(' '))
  })
}
