/** Dates as people write them. */

/** A way of writing dates. */
export interface DateForm {
  readonly pattern: RegExp
  /** Which groups of the pattern are year, month and day. */
  readonly places: readonly [year: number, month: number, day: number]
  /** Where the order of day and month is not plain from the marks between them: which it is. */
  readonly order?: 'dmy' | 'mdy' | undefined
}

const time =
  '(?:[T ](?<hour>\\d\\d):(?<minute>\\d\\d)(?::(?<second>\\d\\d)(?:[.,](?<fraction>\\d{1,9}))?)?(?: ?(?<zone>Z|[+-]\\d\\d(?::?\\d\\d)?))?)?'
const form = (date: string, places: DateForm['places'], order?: DateForm['order']): DateForm => ({
  pattern: new RegExp(`^${date}${time}$`),
  places,
  ...(order && { order }),
})

/** Dates as ISO 8601 writes them. */
export const isoDate = form('(\\d{4})-(\\d\\d)-(\\d\\d)', [1, 2, 3])

/** ISO 8601 first, then the order in which they are tried. */
export const dateForms: readonly DateForm[] = [
  isoDate,
  form('(\\d{4})/(\\d\\d)/(\\d\\d)', [1, 2, 3]),
  form('(\\d{1,2})\\.(\\d{1,2})\\.(\\d{4})', [3, 2, 1]),
  form('(\\d{1,2})/(\\d{1,2})/(\\d{4})', [3, 2, 1], 'dmy'),
  form('(\\d{1,2})/(\\d{1,2})/(\\d{4})', [3, 1, 2], 'mdy'),
]

const longestDate = 40

/** The milliseconds since 1970 of a date, in UTC unless it names another zone; NaN for any other text, and for days that do not exist. */
export function dateOf(text: string, { pattern, places }: DateForm): number {
  const found = text.length <= longestDate ? pattern.exec(text) : null
  if (found === null) return Number.NaN
  const [year, month, day] = places.map((place) => Number(found[place])) as [number, number, number]
  const { hour = '0', minute = '0', second = '0', fraction = '', zone } = found.groups as Record<string, string>
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return Number.NaN
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN
  const milliseconds = fraction === '' ? 0 : Math.trunc(Number(`0.${fraction}`) * 1000)
  date.setUTCHours(Number(hour), Number(minute), Number(second), milliseconds)
  return date.getTime() - minutesOf(zone) * 60_000
}

function minutesOf(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const digits = zone.replace(/\D/g, '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return zone.startsWith('-') ? -minutes : minutes
}
