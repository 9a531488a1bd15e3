/** Statistics of measurements, and tables of results. */

/** One result: a line of JSON, or a row of a table. */
export type Row = Readonly<Record<string, string | number | boolean | readonly number[] | null>>

/** The value below which `share` of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2
}

/** Rounds to four digits, more than measurements on a noisy machine reproduce. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** A table for all rows that have the same fields, and an empty line between two. */
export function tables(rows: readonly Row[]): string {
  const byFields = new Map<string, Row[]>()
  for (const row of rows) {
    const fields = Object.keys(row).join()
    byFields.set(fields, [...(byFields.get(fields) ?? []), row])
  }
  return [...byFields.values()].map(table).join('\n')
}

/** Formats a table with a line for each row. A single row becomes a table with a line for each field. */
function table(rows: readonly Row[]): string {
  const keys = Object.keys(rows[0] ?? {})
  const cells =
    rows.length === 1
      ? keys.map((key) => [key, show(rows[0]?.[key])])
      : [keys, ...rows.map((row) => keys.map((key) => show(row[key])))]
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)))
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function show(value: Row[string] | undefined): string {
  return Array.isArray(value) ? value.join('-') : String(value ?? '')
}
