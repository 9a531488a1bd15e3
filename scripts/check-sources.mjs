// Nothing in native/ or cuda/ prints, exits or aborts.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))

const forbidden =
  /\b(?:v?f?printf|f?puts|f?putc|putchar|perror|exit|_exit|_Exit|quick_exit|abort|terminate|raise|kill)\s*\(|\b(?:cout|cerr|clog|stdout|stderr)\b|\bassert\s*\(|<(?:iostream|cassert|assert\.h)>/g
const commentsAndTexts = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g

let found = 0
for (const root of ['native', 'cuda'].filter((folder) => existsSync(folder))) {
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(cc|h|cu|cuh|inc)$/.test(name)) continue
    const path = join(root, name)
    const code = readFileSync(path, 'utf8').replace(commentsAndTexts, (text) => text.replace(/[^\n]/g, ' '))
    for (const match of code.matchAll(forbidden)) {
      const line = code.slice(0, match.index).split('\n').length
      console.log(`${path}:${line}: ${match[0]}`)
      found++
    }
  }
}
process.exitCode = found > 0 ? 1 : 0
