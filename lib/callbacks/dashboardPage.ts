/** The HTML page of the dashboard, with its style and script inline. */

const style = `
body { margin: 0 auto; padding: 1rem; max-width: 64rem; font: 16px/1.4 system-ui, sans-serif; color: #262626; background: #fff }
header { display: flex; align-items: center; gap: 1rem; flex-wrap: wrap } h1 { font-size: 1.3rem; margin: 0; flex: 1 }
button { font: inherit; padding: .4rem 1rem; border: 1px solid #b33; border-radius: 4px; background: #fff; color: #b33; cursor: pointer }
button:disabled { border-color: #bbb; color: #767676; cursor: default }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin: 1rem 0 }
dl div { border: 1px solid #ddd; border-radius: 4px; padding: .4rem .7rem } dt { color: #595959; font-size: .85rem }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem }
figure { margin: 0 } figcaption { font-weight: 600 } figcaption span { font-weight: 400; margin-left: 1rem }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif } progress { width: 100% }
.first { color: #0072b2 } .second { color: #b34700 } polyline.second { stroke-dasharray: 5 3 }`

const script = `
const state = { epochs: 0, keys: [], logs: [], speeds: [] }
let running = { batch: 0, speed: 0, logs: {} }
let status = 'training'
const byId = (id) => document.getElementById(id)
const number = (value) => {
  if (value === undefined) return ''
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2)
  return size >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(4)
}

function chart(title, series, label, floor = Infinity) {
  const [width, height, left, bottom, top] = [420, 220, 62, 34, 8]
  const values = series.flatMap((each) => each.values).filter(Number.isFinite)
  const low = Math.min(floor, ...values), high = Math.max(...values)
  const longest = Math.max(2, ...series.map((each) => each.values.length))
  const x = (i) => left + (i / (longest - 1)) * (width - left - 8)
  const y = (value) => top + (1 - (value - low) / (high - low || 1)) * (height - top - bottom)
  const lines = values.length === 0 ? [] : series.map(({ values, kind }) =>
    values.length === 1
      ? '<circle class="' + kind + '" fill="currentColor" r="3" cx="' + x(0) + '" cy="' + y(values[0]) + '"/>'
      : '<polyline class="' + kind + '" fill="none" stroke="currentColor" stroke-width="2" points="' +
        values.map((value, i) => Number.isFinite(value) ? x(i).toFixed(1) + ',' + y(value).toFixed(1) : '').join(' ') + '"/>')
  const ticks = values.length === 0 ? '' : [low, (low + high) / 2, high].map((value) =>
    '<text x="' + (left - 6) + '" y="' + (y(value) + 4) + '" text-anchor="end">' + number(value) + '</text>' +
    '<path d="M' + left + ',' + y(value) + 'H' + (width - 8) + '" stroke="#ddd"/>').join('')
  const ends = label === 'epoch' && values.length > 1 ? [1, longest].map((at) =>
    '<text x="' + x(at - 1) + '" y="' + (height - 20) + '" text-anchor="middle">' + at + '</text>').join('') : ''
  const figure = document.createElement('figure')
  const caption = document.createElement('figcaption')
  caption.textContent = title
  for (const { name, kind } of series.length > 1 ? series : []) {
    const key = document.createElement('span')
    key.className = kind
    key.textContent = (kind === 'second' ? '- - ' : '\u2014 ') + name
    caption.append(key)
  }
  figure.append(caption)
  figure.insertAdjacentHTML('beforeend',
    '<svg viewBox="0 0 ' + width + ' ' + height + '" role="img" aria-label="chart">' + ticks + ends + lines.join('') +
    '<text x="' + ((left + width) / 2) + '" y="' + (height - 6) + '" text-anchor="middle">' + label + '</text></svg>')
  return figure
}

function draw() {
  const keys = state.keys.filter((key) => !key.startsWith('val_'))
  const charts = keys.map((key) => {
    const series = [{ name: key, kind: 'first', values: state.logs.map((logs) => logs[key]) }]
    if (state.keys.includes('val_' + key)) {
      series.push({ name: 'val_' + key, kind: 'second', values: state.logs.map((logs) => logs['val_' + key]).filter((value) => value !== undefined) })
    }
    return chart(key, series, 'epoch')
  })
  byId('charts').replaceChildren(...charts, chart('throughput', [{ name: 'speed', kind: 'first', values: state.speeds }], 'batches per second, over time', 0))
  const facts = [['status', status], ['epoch', Math.min(state.logs.length + 1, state.epochs) + ' of ' + state.epochs.toLocaleString('en')], ['batch', running.batch], ['batches per second', number(running.speed)]]
  for (const key of state.keys) facts.push([key, number(key in running.logs ? running.logs[key] : state.logs.at(-1)?.[key])])
  byId('facts').replaceChildren(...facts.map(([name, value]) => {
    const box = document.createElement('div')
    box.append(Object.assign(document.createElement('dt'), { textContent: name }), Object.assign(document.createElement('dd'), { textContent: value }))
    return box
  }))
  byId('progress').max = state.epochs
  byId('progress').value = state.logs.length
}

let waiting = false
function drawSoon() {
  if (waiting) return
  waiting = true
  requestAnimationFrame(() => { waiting = false; draw() })
}

function end(text) {
  status = text
  events.close()
  byId('stop').disabled = true
  draw()
}

const events = new EventSource('events')
const on = (name, react) => events.addEventListener(name, ({ data }) => { react(JSON.parse(data)); drawSoon() })
on('begin', (data) => Object.assign(state, data))
on('range', (data) => { running = data; state.speeds.push(data.speed); if (state.speeds.length > 600) state.speeds.shift() })
on('epoch', (logs) => state.logs.push(logs))
on('end', () => end('over'))
events.onerror = () => { if (status === 'training' || status === 'stopping') end('connection lost') }
byId('stop').addEventListener('click', async () => {
  byId('stop').disabled = true
  status = 'stopping'
  await fetch('stop', { method: 'POST' })
})
draw()`

/** The HTML of the page; `nonce` marks the style and script that its content security policy allows. */
export function dashboardPage(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Neurode: training</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>
<header><h1>Training</h1><button id="stop" type="button">Stop after this batch</button></header>
<progress id="progress" aria-label="epochs done"></progress>
<dl id="facts"></dl>
<main id="charts"></main>
<script nonce="${nonce}" type="module">${script}</script>
</body>
</html>
`
}
