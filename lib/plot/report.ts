/** Writes pictures, texts and tables to a single HTML file without external resources. */

import { checkName, checkOptions, refuse, shorten } from '../checks/validate.js'
import { checkEnding } from '../files/endings.js'
import { toPath, writeAtomically } from '../files/files.js'
import { checkPictureOptions } from './options.js'
import { escapeXml } from './panels.js'
import { Picture } from './picture.js'

/** A part of a report. */
export interface ReportSection {
  readonly heading: string
  /** Paragraphs, as plain text. */
  readonly text?: string | readonly string[] | undefined
  /** Rows of a table: names and values. */
  readonly table?: Readonly<Record<string, string | number>> | undefined
  readonly pictures?: readonly Picture[] | undefined
}

/** Options of `plot.report`. */
export interface ReportOptions {
  /** The heading; default `Report`. */
  readonly title?: string | undefined
}

const style = `
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; font: 16px/1.5 system-ui, sans-serif; color: #262626; background: #fff }
h1 { font-size: 1.7rem; margin: 0 0 1rem } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ddd }
table { border-collapse: collapse } th { text-align: left; font-weight: 600 } th, td { padding: .15rem 1.5rem .15rem 0 }
td { font-variant-numeric: tabular-nums } figure { margin: 1rem 0; overflow-x: auto }
figure svg { max-width: 100%; height: auto }`

/** Implements `plot.report`. */
export async function report(
  path: string | URL,
  content: readonly (Picture | ReportSection)[],
  given?: ReportOptions,
): Promise<void> {
  const { title = 'Report' } = checkPictureOptions(given, ['title'], 'plot.report')
  if (!Array.isArray(content)) refuse('content', 'a list of pictures and sections', content)
  const sections = content.map((part: Picture | ReportSection, i) =>
    part instanceof Picture ? describeFigure(part) : describeSection(part, `content[${i}]`),
  )
  const file = toPath(path, 'path')
  checkEnding(file, ['html'])
  await writeAtomically(file, [Buffer.from(page(checkName(title, 'plot.report: title'), sections.join('\n')))])
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeXml(title)}</h1>
${body}
</body>
</html>
`
}

function describeFigure({ svg }: Picture): string {
  return `<figure>${svg}</figure>`
}

/** Checks a list; its holes become undefined, which is refused later. */
function toList(value: unknown, argument: string, expected: string): unknown[] {
  return Array.isArray(value) ? Array.from(value as unknown[]) : refuse(argument, expected, value)
}

function toTable(table: unknown, argument: string): [name: string, value: string | number][] {
  if (typeof table !== 'object' || table === null || Array.isArray(table)) {
    return refuse(argument, 'an object of texts and numbers', table)
  }
  return Object.entries(table).map(([name, value]: [string, unknown]) =>
    typeof value === 'string' || typeof value === 'number'
      ? [name, value]
      : refuse(`${argument}: ${shorten(name)}`, 'a text or a number', value),
  )
}

function describeSection(section: ReportSection, argument: string): string {
  const known = ['heading', 'text', 'table', 'pictures']
  const { heading, text = [], table = {}, pictures = [] } = checkOptions(section, known, argument)
  const paragraphs = toList(typeof text === 'string' ? [text] : text, `${argument}.text`, 'a text or a list of texts')
  const rows = toTable(table, `${argument}.table`).map(
    ([name, value]) => `<tr><th>${escapeXml(name)}</th><td>${escapeXml(String(value))}</td></tr>`,
  )
  return [
    `<h2>${escapeXml(checkName(heading, `${argument}.heading`))}</h2>`,
    ...paragraphs.map((paragraph, i) =>
      typeof paragraph === 'string'
        ? `<p>${escapeXml(paragraph)}</p>`
        : refuse(`${argument}.text[${i}]`, 'a text', paragraph),
    ),
    rows.length > 0 ? `<table>${rows.join('')}</table>` : '',
    ...toList(pictures, `${argument}.pictures`, 'a list of pictures').map((picture, i) =>
      picture instanceof Picture
        ? describeFigure(picture)
        : refuse(`${argument}.pictures[${i}]`, 'a picture of plot.*', picture),
    ),
  ].join('\n')
}
