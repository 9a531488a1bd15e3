/** Finds columns of tables by their names. */

import { NeurodeError } from '../base/errors.js'
import { refuse, shorten, suggest } from '../checks/validate.js'

/** Returns a function that finds the index of a column, from 0, by its name in the header. `width` is the number of columns. */
export function columnFinder(header: readonly string[], width: number): (column: string | number) => number {
  let places: Map<string, number | undefined> | undefined
  return (column) => {
    if (typeof column === 'number') {
      if (Number.isInteger(column) && column >= 0 && column < width) return column
      return refuse('columns', `places from 0 to ${width - 1}`, column)
    }
    if (typeof column !== 'string') return refuse('columns', 'names and places', column)
    places ??= placesOf(header)
    const name = column.trim()
    const place = places.get(name)
    if (place !== undefined) return place
    if (places.has(name)) {
      throw new NeurodeError('ERR_ARGUMENT', `columns: '${shorten(column)}' names several columns: give their places`)
    }
    throw new NeurodeError(
      'ERR_UNKNOWN_NAME',
      `columns: there is no column '${shorten(column)}'${suggest(column, header)}`,
    )
  }
}

/** The index of each name; undefined for a name that several columns share. */
function placesOf(header: readonly string[]): Map<string, number | undefined> {
  const places = new Map<string, number | undefined>()
  header.forEach((name, place) => {
    places.set(name, places.has(name) ? undefined : place)
  })
  return places
}
