/** The page's program in the browser: the model that is shown, and the server's statistics. */

import { askJson, element, say, shown } from './base.js'
import { isDigits, update } from './drawing.js'
import { showForm } from './form.js'

const pollMilliseconds = 1000
const historySeconds = 60

/** The shape of a tensor; with its name if there are several. */
function textOf(tensors: Tensors): string {
  const shapes = tensors.map(({ name, dims }) => `${tensors.length > 1 ? `${name} ` : ''}[n, ${dims.join(', ')}]`)
  return shapes.join(' and ')
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US')

async function open(name: string): Promise<void> {
  shown.model = name
  history.length = 0
  before = undefined
  const config = await askJson<Config>(`v2/models/${encodeURIComponent(name)}/config`)
  shown.config = config
  const { summary, device, version, max_batch_size: rows, input, output } = config
  document.title = `${name} – Neurode`
  element('draw').hidden = !isDigits(config)
  const { table } = config
  showForm(table)
  const shapes =
    table === undefined ? `${textOf(input)} to ${textOf(output)}` : `${input.length} columns to ${table.target}`
  const size = `${whole(summary.total_parameters)} parameters`
  element('about').textContent =
    `${name}, version ${version}: ${shapes}, ${size}, batches of up to ${rows} rows on ${device}.`
  element('layers').replaceChildren(
    ...summary.layers.map((layer) => {
      const row = document.createElement('tr')
      const shape = `[n, ${layer.output_shape.join(', ')}]`
      for (const text of [layer.name, layer.kind, shape, whole(layer.parameters)]) row.insertCell().textContent = text
      row.cells[3]?.classList.add('number')
      return row
    }),
  )
  if (isDigits(config)) void update()
}

const history: number[] = []
let before: { readonly stats: Stats; readonly at: number } | undefined

async function poll(): Promise<void> {
  const path = `v2/models/${encodeURIComponent(shown.model)}/stats`
  const { model_stats: all } = await askJson<{ model_stats: (Stats & { version: string })[] }>(path)
  const stats = all.find(({ version }) => version === shown.config?.version)
  if (stats === undefined) return
  const at = performance.now()
  say('Connected')
  if (before !== undefined && stats.inference_count >= before.stats.inference_count) {
    showStats(stats, before.stats, (at - before.at) / 1000)
  }
  before = { stats, at }
}

function showStats(now: Stats, then: Stats, seconds: number): void {
  const rows = now.inference_count - then.inference_count
  const batches = now.execution_count - then.execution_count
  const requests = now.inference_stats.success.count - then.inference_stats.success.count
  const nanoseconds = now.inference_stats.success.ns - then.inference_stats.success.ns
  element('rate').textContent = whole(rows / seconds)
  element('batch').textContent = batches === 0 ? '–' : (rows / batches).toFixed(1)
  element('duration').textContent = requests === 0 ? '–' : `${(nanoseconds / requests / 1e6).toFixed(2)} ms`
  element('total').textContent = whole(now.inference_count)
  history.push(rows / seconds)
  if (history.length > historySeconds) history.shift()
  const peak = Math.max(...history)
  element('peak').textContent = whole(peak)
  const points = history.map((value, i) => {
    const x = 300 - ((history.length - 1 - i) * 300) / (historySeconds - 1)
    return `${x.toFixed(1)},${(78 - (74 * value) / Math.max(1, peak)).toFixed(1)}`
  })
  const [first = '', ...others] = points
  element('line').setAttribute('d', `M${first}${others.map((point) => `L${point}`).join('')}`)
  element('area').setAttribute('d', `M${first.split(',')[0]},80L${points.join('L')}L300,80Z`)
  showSizes(now)
}

function showSizes({ batch_stats: sizes }: Stats): void {
  const most = Math.max(1, ...sizes.map(({ compute_infer }) => compute_infer.count))
  element('sizes').replaceChildren(
    ...sizes.map(({ batch_size: size, compute_infer: { count } }, i) => {
      const from = (sizes[i - 1]?.batch_size ?? 0) + 1
      const name = from === size ? `${size}` : `${from}–${size}`
      const item = document.createElement('li')
      const bar = document.createElement('span')
      bar.style.height = `${(80 * count) / most}%`
      item.append(bar, String(size))
      item.title = `${whole(count)} batches of ${name} rows`
      item.setAttribute('aria-label', item.title)
      return item
    }),
  )
}

async function start(): Promise<void> {
  const index = await askJson<{ name: string }[]>('v2/repository/index', { method: 'POST' })
  const names = [...new Set(index.map(({ name }) => name))]
  element('access').hidden = true
  const select = element<HTMLSelectElement>('model')
  select.replaceChildren(...names.map((name) => new Option(name)))
  element('models').hidden = names.length < 2
  select.onchange = () => void open(select.value).catch((error) => say(error.message, true))
  await open(names[0] ?? '')
  say('Connected')
}

element<HTMLFormElement>('access').addEventListener('submit', (event) => {
  event.preventDefault()
  shown.token = element<HTMLInputElement>('token').value
  start().catch((error) => say(error.message, true))
})
setInterval(() => {
  if (shown.config === undefined || document.hidden) return
  poll().catch((error) => say(error.message, true))
}, pollMilliseconds)
start().catch((error) => say(error.message, true))
