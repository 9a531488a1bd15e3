/** Which texts stand in quotes. */

/** The characters between cells that files have, those that are tried first before others. */
export const delimiters: readonly string[] = [',', ';', '\t', '|']

/** Whether a text must stand in quotes to be one cell between such marks. */
export function needsQuotes(text: string, marks: readonly string[]): boolean {
  return text === '' || /["\r\n]|^[\s\ufeff]|\s$|^sep=/.test(text) || marks.some((mark) => text.includes(mark))
}
