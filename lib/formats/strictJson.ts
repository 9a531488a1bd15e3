/** Parses JSON strictly: no object may have a key twice. */

/** Parses a text. Throws a SyntaxError if it is not JSON, or if an object has a key twice. */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  // JSON.parse keeps the last of several equal keys.
  if (keysOfText(text) !== keysOfValue(value)) throw new SyntaxError('a name stands twice in an object')
  return value
}

/** Counts the keys of all objects in a text that is known to be valid JSON. */
function keysOfText(text: string): number {
  let keys = 0
  let inText = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inText && code === backslash) i++
    else if (code === quote) inText = !inText
    else if (code === colon && !inText) keys++
  }
  return keys
}

const [quote, backslash, colon] = [34, 92, 58]

function keysOfValue(value: unknown): number {
  let keys = 0
  const left = [value]
  while (left.length > 0) {
    const next = left.pop()
    if (typeof next !== 'object' || next === null) continue
    const values: unknown[] = Object.values(next)
    if (!Array.isArray(next)) keys += values.length
    for (const each of values) left.push(each)
  }
  return keys
}
