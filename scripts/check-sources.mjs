// check-sources.mjs [tree]: checks that nothing in native/ or cuda/ prints, exits or aborts, or brings in streams with their
// locales (430 kB), and that no hand-written file has more than 400 lines.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..')))

const longest = 400

const problems = [...findForbidden(), ...findLong()]
for (const problem of problems) console.log(problem)
process.exitCode = problems.length > 0 ? 1 : 0

function findForbidden() {
  const forbidden =
    /\b(?:v?f?printf|f?puts|f?putc|putchar|perror|exit|_exit|_Exit|quick_exit|abort|terminate|raise|kill)\s*\(|\b(?:cout|cerr|clog|stdout|stderr)\b|\bassert\s*\(|<(?:[io]stream|iostream|[sf]stream|iomanip|locale|regex|cassert|assert\.h)>/g
  const commentsAndTexts = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/g
  return filesIn(['native', 'cuda'], /\.(cc|h|cu|cuh|inc)$/).flatMap((path) => {
    const code = readFileSync(path, 'utf8').replace(commentsAndTexts, (text) => text.replace(/[^\n]/g, ' '))
    return [...code.matchAll(forbidden)].map(
      (match) => `${path}:${code.slice(0, match.index).split('\n').length}: ${match[0]}`,
    )
  })
}

function findLong() {
  const folders = ['bench', 'cmake', 'cuda', 'examples', 'lib', 'native', 'scripts', 'test', 'tools']
  return filesIn(folders, /\.(cc|h|cu|cuh|inc|[cm]?[jt]s|cmake|sh)$/).flatMap((path) => {
    const lines = readFileSync(path, 'utf8').split('\n').length - 1
    if (lines <= longest) return []
    return `${path}: ${lines} lines, and a file has ${longest} at most: which of its jobs could be a file of its own?`
  })
}

function filesIn(folders, pattern) {
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => pattern.test(name) && !name.includes('node_modules'))
      .map((name) => join(folder, name).replaceAll('\\', '/')),
  )
}
