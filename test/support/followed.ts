/** Follows a page of docs/ that says what to write where: reads its steps, and makes them in a copy of the tree. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** One change of a file at the line that begins with `line`, or, where that is empty, at its end. */
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

/** What a page says to write where, and what to take away. */
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

/** Makes one step in the tree under `folder`. */
export function applyStep(folder: string, { file, how, line, text }: Step): void {
  const path = join(folder, file)
  const lines = readFileSync(path, 'utf8').split('\n')
  const added = how === 'without' ? [] : [text.replace(/\n$/, '')]
  if (how === 'at the end') lines.push(...added, '')
  else lines.splice(...placeOf(lines, file, how, line), ...added)
  writeFileSync(path, lines.join('\n'))
}

/** The line, and how many of those that are there go. */
function placeOf(lines: readonly string[], file: string, how: Step['how'], line: string): [at: number, gone: number] {
  const places = lines.flatMap((each, i) => (each.startsWith(line) ? [i] : []))
  assert.equal(places.length, 1, `${file} has one line that begins with '${line}'`)
  const at = places[0] as number
  if (how !== 'before') return [at, 1]
  // Above a declaration's comment.
  return [lines[at - 1]?.trimStart().startsWith('/**') ? at - 1 : at, 0]
}

/** A folder in build/ with copies of these files and folders of the tree; packages are found above it. */
export function copyTree(name: string, parts: readonly string[]): string {
  const folder = resolve('build/followed', name)
  removeTree(folder)
  for (const part of parts) cpSync(part, join(folder, part), { recursive: true })
  return folder
}

/** Takes back {@link copyTree}; nothing where it made none. */
export function removeTree(folder: string | undefined): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

/** Runs a program, which has to succeed; gives what it printed. */
export function runProgram(program: string, args: readonly string[], cwd = '.', env = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}
