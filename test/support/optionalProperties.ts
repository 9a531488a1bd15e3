/** Finds the optional properties of declaration files, and those that do not admit `undefined`. */

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The declaration files that an entry's types come from, itself first. */
export function declarationFiles(entries: readonly string[]): string[] {
  const files = new Set(entries)
  // The loop also visits files that are added to the set meanwhile.
  for (const file of files) {
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']*)\.js'/g)) {
      files.add(join(dirname(file), `${path}.d.ts`))
    }
  }
  return [...files]
}

export interface OptionalProperty {
  readonly name: string
  /** The type behind the colon; empty for a method. */
  readonly type: string
  readonly admitsUndefined: boolean
}

const closing: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']', '<': '>' }

/** Optional properties and methods in the text of a declaration file; optional parameters are not among them. */
export function optionalProperties(text: string): OptionalProperty[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').replaceAll('=>', '⇒')
  // What stands in quotes may look like the end of a member.
  const code = bare.replace(/'[^'\n]*'/g, (quoted) => `'${'_'.repeat(quoted.length - 2)}'`)
  const found: OptionalProperty[] = []
  const open: string[] = []
  for (let at = 0; at < code.length; at++) {
    const sign = code[at] as string
    if (sign in closing) open.push(sign)
    else if (sign === closing[open.at(-1) ?? '']) open.pop()
    const [, name] = (sign === '?' && open.at(-1) === '{' && /([\w$]+)$/.exec(code.slice(0, at))) || []
    if (name === undefined) continue
    const type = code[at + 1] === ':' ? typeAt(code, at + 2) : ''
    found.push({ name, type, admitsUndefined: alternatives(type).includes('undefined') })
  }
  return found
}

/** The type that begins at a position and ends where the member ends. */
function typeAt(code: string, from: number): string {
  const open: string[] = []
  for (let at = from; at < code.length; at++) {
    const sign = code[at] as string
    if (sign in closing) open.push(sign)
    else if (open.length > 0 && sign === closing[open.at(-1) as string]) open.pop()
    else if (open.length === 0 && /[;,}]/.test(sign)) return code.slice(from, at).trim()
  }
  return code.slice(from).trim()
}

/** The members of a union. */
function alternatives(type: string): string[] {
  const members = ['']
  let depth = 0
  for (const sign of type) {
    if (sign in closing) depth++
    else if (/[)}\]>]/.test(sign)) depth--
    if (sign === '|' && depth === 0) members.push('')
    else members.push(members.pop() + sign)
  }
  return members.map((member) => member.trim())
}
