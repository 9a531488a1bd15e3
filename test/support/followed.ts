/** Follows a page of docs/ that says what to write in which file: reads its steps, and applies them to a copy of the tree. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** One change of a file, at the line that begins with `line`, or at the end of the file if `line` is empty. */
export interface Step {
  readonly file: string
  readonly how: 'before' | 'instead of' | 'without' | 'at the end'
  readonly line: string
  readonly text: string
}

/** "`lib/index.ts`, before `export`:", and a block of code. */
const additions = /^`([^`]+)`, (?:(before|instead of) `([^`]+)`|(at the end)):\n\n(`{3,})\w+\n([\s\S]*?)^\5$/gm
/** "`lib/index.ts`, without `export`." */
const removals = /^`([^`]+)`, without `([^`]+)`\.$/gm

/** Reads the steps of a page: what to add and what to remove. */
export function readSteps(page: string): Step[] {
  const text = readFileSync(page, 'utf8')
  const added = [...text.matchAll(additions)].map(([, file = '', how, line = '', end, , text = '']) => ({
    file,
    how: (how ?? end) as Step['how'],
    line,
    text,
  }))
  const removed = [...text.matchAll(removals)].map(([, file = '', line = '']) => ({
    file,
    how: 'without' as const,
    line,
    text: '',
  }))
  return [...added, ...removed]
}

/** Applies one step to the tree under `folder`. */
export function applyStep(folder: string, { file, how, line, text }: Step): void {
  const path = join(folder, file)
  const lines = readFileSync(path, 'utf8').split('\n')
  const added = how === 'without' ? [] : [text.replace(/\n$/, '')]
  if (how === 'at the end') lines.push(...added, '')
  else lines.splice(...placeOf(lines, file, how, line), ...added)
  writeFileSync(path, lines.join('\n'))
}

/** The number of the line, and how many existing lines are removed there. */
function placeOf(lines: readonly string[], file: string, how: Step['how'], line: string): [at: number, gone: number] {
  const places = lines.flatMap((each, i) => (each.startsWith(line) ? [i] : []))
  assert.equal(places.length, 1, `${file} has one line that begins with '${line}'`)
  const at = places[0] as number
  if (how !== 'before') return [at, 1]
  // New lines go above the comment of a declaration.
  return [lines[at - 1]?.trimStart().startsWith('/**') ? at - 1 : at, 0]
}

/** Makes a folder in build/ with copies of these files and folders of the tree. Packages are found in the folders above it. */
export function copyTree(name: string, parts: readonly string[]): string {
  const folder = resolve('build/followed', name)
  removeTree(folder)
  for (const part of parts) cpSync(part, join(folder, part), { recursive: true })
  return folder
}

/**
 * A launcher of compilers. It takes the object that the tree has of a source that is not listed, and compiles those that are
 * listed, or of which the tree has no object.
 */
const launcher = `#!/bin/sh
for word; do
  case $previous in -o) object=$word ;; -c) source=$word ;; -MF) dependencies=$word ;; esac
  previous=$word
done
built=$NEURODE_TREE\${PWD#$NEURODE_COPY}/$object
if [ -n "$source" ] && [ -f "$built" ] && ! grep -qxF "$source" "$NEURODE_COPY/changed.txt"; then
  [ -z "$dependencies" ] || : >"$dependencies"
  exec cp "$built" "$object"
fi
exec "$@"
`

/**
 * The environment in which CMake builds a copy as a second build of the tree: it compiles only sources that include, themselves or
 * through others, a file that the steps change.
 */
export function secondBuild(folder: string, steps: readonly Step[]): NodeJS.ProcessEnv {
  const path = join(folder, 'launcher.sh')
  writeFileSync(path, launcher, { mode: 0o755 })
  const changed = including(folder, new Set(steps.map(({ file }) => file)))
  writeFileSync(join(folder, 'changed.txt'), changed.map((file) => `${join(folder, file)}\n`).join(''))
  return { ...process.env, CMAKE_CXX_COMPILER_LAUNCHER: path, NEURODE_COPY: folder, NEURODE_TREE: resolve('.') }
}

/** These files, and all C++ files that include one of them. Paths of includes begin at the root. */
function including(folder: string, files: Set<string>): string[] {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:cc|cu|h)$/.test(name),
  )
  const includes = new Map(
    sources.map((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      return [name, [...text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(([, path]) => path as string)]
    }),
  )
  for (let count = 0; count < files.size; ) {
    count = files.size
    for (const [name, paths] of includes) if (paths.some((path) => files.has(path))) files.add(name)
  }
  return [...files]
}

/** Removes a folder that {@link copyTree} made, if there is one. */
export function removeTree(folder: string | undefined): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/** Runs a program, which has to succeed, and returns what it printed. */
export function runProgram(program: string, args: readonly string[], cwd = '.', env = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}
