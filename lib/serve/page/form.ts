/** The form of a model of a table: a field for each column, and the answer for the row that they hold. */

import { askJson, element, make, percent, say, shown, speak } from './base.js'

/** More columns than these are gaps in every row of the form. */
const mostFields = 200
/** More words than these are suggestions and not a list. */
const mostChoices = 25
const mostBars = 12
/** How long the fields have to rest before a row is sent. */
const restMilliseconds = 150

type Cell = number | string | boolean | null
type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement

interface FieldKind {
  make(column: ColumnConfig, id: string): readonly [field: Field, ...beside: Node[]]
  /** The cell that a field holds; null is a gap. */
  read(field: Field): Cell
  /** What a typical row has there. */
  typical(column: ColumnConfig): string
}

const day = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 10)
const short = (value: number) => String(Number(value.toPrecision(6)))
const textIn = ({ value }: Field) => (value === '' ? null : value)
const choice = (words: readonly string[], names = words) =>
  make('select', {}, new Option('–', ''), ...words.map((word, i) => new Option(names[i], word)))

const numbers: FieldKind = {
  make: ({ min, max, median, words }, id) => {
    const known = [
      min !== undefined && max !== undefined && `${short(min)} to ${short(max)}`,
      median !== undefined && `median ${short(median)}`,
    ]
    const placeholder = known.filter(Boolean).join(', ')
    const field = make('input', { type: 'number', step: 'any', inputMode: 'decimal', placeholder })
    return words === undefined ? [field] : [field, suggestions(field, words, id)]
  },
  read: ({ value }) => (value === '' ? null : Number(value)),
  typical: ({ median, words }) => (median === undefined ? (words?.[0] ?? '') : short(median)),
}

const categories: FieldKind = {
  make: ({ words = [] }, id) => {
    if (words.length > 0 && words.length <= mostChoices) return [choice(words)]
    const field = make('input', { type: 'text', autocomplete: 'off', placeholder: words.slice(0, 3).join(', ') })
    return [field, suggestions(field, words, id)]
  },
  read: textIn,
  typical: ({ words }) => words?.[0] ?? '',
}

const texts: FieldKind = {
  make: () => [make('textarea', { rows: 2 })],
  read: textIn,
  typical: () => '',
}

const booleans: FieldKind = {
  make: () => [choice(['true', 'false'], ['yes', 'no'])],
  read: ({ value }) => (value === '' ? null : value === 'true'),
  typical: ({ median }) => (median === undefined ? '' : String(median >= 0.5)),
}

const dates: FieldKind = {
  make: ({ min, max }) => {
    const title = min === undefined || max === undefined ? '' : `${day(min)} to ${day(max)}`
    return [make('input', { type: 'date', title })]
  },
  read: textIn,
  typical: ({ median }) => (median === undefined ? '' : day(median)),
}

function kindOf({ type, kind }: ColumnConfig): FieldKind {
  if (kind === 'text') return texts
  return { number: numbers, text: categories, boolean: booleans, date: dates }[type]
}

function suggestions(field: HTMLInputElement, words: readonly string[], id: string): Node {
  const list = make('datalist', { id: `${id}-words` }, ...words.map((word) => new Option(word, word)))
  field.setAttribute('list', list.id)
  return list
}

interface Entry {
  readonly column: ColumnConfig
  readonly kind: FieldKind
  readonly field: Field
}

let entries: readonly Entry[] = []
let table: TableConfig | undefined

/** Shows the fields of a model's columns; hides them for a model without columns. */
export function showForm(of: TableConfig | undefined): void {
  table = of
  element('row').hidden = of === undefined
  const made = (of?.columns ?? []).slice(0, mostFields).map((column, i) => {
    const kind = kindOf(column)
    const id = `field-${i}`
    const [field, ...beside] = kind.make(column, id)
    field.id = id
    const label = make('label', { htmlFor: id }, column.name)
    return { entry: { column, kind, field }, place: make('div', { className: 'field' }, label, field, ...beside) }
  })
  entries = made.map(({ entry }) => entry)
  element('fields').replaceChildren(...made.map(({ place }) => place))
  const left = (of?.columns.length ?? 0) - entries.length
  element('more-columns').textContent = left > 0 ? `${left} more columns are gaps here.` : ''
  if (of === undefined) return
  element('row-title').textContent = `Predict ${of.target}`
  showAnswer(undefined)
  fill(({ kind, column }) => kind.typical(column))
}

function fill(value: (entry: Entry) => string): void {
  for (const entry of entries) entry.field.value = value(entry)
  void predictRow()
}

/** The row of the form, without its gaps. */
function rowOf(): Record<string, Cell> {
  const cells = entries.map(({ column, kind, field }) => [column.name, kind.read(field)] as const)
  return Object.fromEntries(cells.filter(([, cell]) => cell !== null))
}

let rowChanged = false
let askingRow = false

/** Makes one request at a time. If a field changes meanwhile, another request follows. */
async function predictRow(): Promise<void> {
  rowChanged = true
  if (askingRow) return
  askingRow = true
  while (rowChanged) {
    rowChanged = false
    const asked = table
    const body = JSON.stringify({ instances: [rowOf()] })
    const path = `v1/models/${encodeURIComponent(shown.model)}:predict`
    showCommand(path, body)
    try {
      const began = performance.now()
      const answer = await askJson<{ predictions: [ClassPrediction | NumberPrediction] }>(path, {
        method: 'POST',
        body,
      })
      if (asked !== table) continue
      element('row-error').textContent = ''
      showAnswer(answer.predictions[0], performance.now() - began)
    } catch (error) {
      if (asked !== table) continue
      element('row-error').textContent = (error as Error).message
      showAnswer(undefined)
    }
  }
  askingRow = false
}

function showAnswer(answer: ClassPrediction | NumberPrediction | undefined, milliseconds = 0): void {
  const isClass = table?.task === 'classification'
  element('row-latency').textContent = answer === undefined ? '' : `answered in ${milliseconds.toFixed(1)} ms`
  element('classes').hidden = !isClass
  if (answer === undefined) {
    element('prediction').textContent = '–'
    element('row-sure').textContent = ''
    element('classes').replaceChildren()
    return
  }
  if (isClass) {
    showClasses(answer as ClassPrediction)
    return
  }
  const value = Number(Object.entries(answer)[0]?.[1] ?? Number.NaN)
  const text = value.toLocaleString('en-US', { maximumSignificantDigits: 6 })
  element('prediction').textContent = text
  element('row-sure').textContent = table?.target ?? ''
  speak('row-spoken', `${table?.target}: ${text}`)
}

function showClasses({ label, probabilities }: ClassPrediction): void {
  const name = String(label)
  const shares = Object.entries(probabilities)
  const largest = shares.length <= mostBars ? shares : shares.sort(([, a], [, b]) => b - a).slice(0, mostBars)
  const sure = percent(probabilities[name] ?? 0)
  element('prediction').textContent = name
  element('row-sure').textContent = `${sure} sure`
  element('classes').replaceChildren(
    ...largest.map(([name, share]) => {
      const bar = make('span', { className: 'fill' })
      bar.style.transform = `scaleX(${Math.min(1, Math.max(0, share))})`
      const track = make('span', { className: 'track' }, bar)
      const parts = [
        make('span', { className: 'class', title: name }, name),
        track,
        make('span', { className: 'share' }, percent(share)),
      ]
      return make('li', { className: name === String(label) ? 'best' : '' }, ...parts)
    }),
  )
  speak('row-spoken', `${name}, ${sure} sure`)
}

/** Shows the request as a command for a shell. */
function showCommand(path: string, body: string): void {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  element('command').textContent = `curl --data ${quoted(body)} ${quoted(new URL(path, document.baseURI).href)}`
}

let resting: ReturnType<typeof setTimeout> | undefined
const form = element<HTMLFormElement>('row-form')
form.addEventListener('input', () => {
  clearTimeout(resting)
  resting = setTimeout(() => void predictRow().catch((error) => say(error.message, true)), restMilliseconds)
})
form.addEventListener('submit', (event) => {
  event.preventDefault()
  clearTimeout(resting)
  void predictRow()
})
element('typical').addEventListener('click', () => fill(({ kind, column }) => kind.typical(column)))
element('empty').addEventListener('click', () => fill(() => ''))
