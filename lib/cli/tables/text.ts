/** Texts about tables, for terminals and pages: columns, scores and importance, aligned. */

import type { PermutationImportance } from '../../importance/shuffled.js'
import { printable } from '../../tables/table.js'
import type { TabularColumn } from '../../tabular/types.js'
import type { Score } from './scores.js'

/** Rows of cells as text, columns aligned; numbers in `right` are columns aligned to the right. */
export function alignedRows(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      return `  ${cells.join('  ').trimEnd()}\n`
    })
    .join('')
}

const dayMilliseconds = 24 * 60 * 60 * 1000
const mostWords = 4

/** What is known of a column, in a few words. */
export function describeColumn({ type, words, min, max, optional }: TabularColumn): string {
  const parts = [
    words === undefined ? undefined : describeWords(words),
    min === undefined || max === undefined || type === 'boolean'
      ? undefined
      : `${edge(min, type)} to ${edge(max, type)}`,
    optional ? 'with gaps' : undefined,
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

function describeWords(words: readonly string[]): string {
  const shown = words.slice(0, mostWords).map(printable)
  return words.length > mostWords ? `${shown.join(', ')}, … (${words.length})` : shown.join(', ')
}

function edge(value: number, type: TabularColumn['type']): string {
  if (type !== 'date') return number(value)
  const text = new Date(value).toISOString()
  return value % dayMilliseconds === 0 ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ')
}

/** A number with about four digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toExponential(3)
  if (size >= 10_000) return Math.round(value).toLocaleString('en')
  if (size >= 1000) return String(Math.round(value))
  return String(Number(value.toPrecision(4)))
}

/** A table of scores beside those of the simplest guess. */
export function describeScores(scores: readonly Score[], baseline: readonly Score[], guess: string): string {
  const others = new Map(baseline.map(({ key, value }) => [key, value]))
  const rows = scores.map(({ key, name, value }) => [name, number(value), number(others.get(key) ?? Number.NaN)])
  return alignedRows([['', 'model', guess], ...rows], [1, 2])
}

const barWidth = 24

/** The importance of columns as a list with bars. */
export function describeImportance({ columns }: PermutationImportance, most = 20): string {
  const largest = Math.max(...columns.map(({ mean }) => mean), Number.MIN_VALUE)
  const rows = columns.slice(0, most).map(({ name, mean, std }) => {
    const bar = '█'.repeat(Math.max(0, Math.round((mean / largest) * barWidth)))
    return [printable(name), mean.toFixed(4), `± ${std.toFixed(4)}`, bar]
  })
  const more = columns.length - rows.length
  return `${alignedRows(rows, [1])}${more > 0 ? `  … and ${more} more\n` : ''}`
}
