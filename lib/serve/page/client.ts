/** The page's program in the browser: drawing, requests to the server, and display of the answers. */

const side = 28
/** The side of the square into which MNIST's digits are scaled, in pixels. */
const box = 20
const canvasSide = 280
const penWidth = 22
const keyStep = 10
const pollMilliseconds = 1000
const historySeconds = 60

function element<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T
}

const canvas = element<HTMLCanvasElement>('canvas')
const ink = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D
const seen = element<HTMLCanvasElement>('seen').getContext('2d') as CanvasRenderingContext2D
const pen = element('pen')
const state = element('state')

let model = ''
let config: Config | undefined
let token = ''

// Requests to the server

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token !== '') headers.set('authorization', `Bearer ${token}`)
  const response = await fetch(path, { ...init, headers })
  if (response.ok) return response
  if (response.status === 401) element('access').hidden = false
  const { error } = (await response.json().catch(() => ({}))) as { error?: string }
  throw new Error(error ?? `the server answered ${response.status}`)
}

async function askJson<T>(path: string, init?: RequestInit): Promise<T> {
  return (await (await ask(path, init)).json()) as T
}

function say(text: string, bad = false): void {
  if (state.textContent !== text) state.textContent = text
  state.classList.toggle('bad', bad)
}

/** Sends rows as a binary tensor of the Open Inference Protocol: JSON, then float32 numbers, little-endian. */
async function predict(row: Float32Array): Promise<number[]> {
  const parameters = { binary_data_size: row.byteLength }
  const shape = [1, ...(config?.input[0].dims ?? [])]
  const request = { inputs: [{ name: 'input', shape, datatype: 'FP32', parameters }] }
  const header = new TextEncoder().encode(JSON.stringify(request))
  const body = new Uint8Array(header.length + row.byteLength)
  body.set(header)
  const view = new DataView(body.buffer, header.length)
  row.forEach((value, i) => {
    view.setFloat32(4 * i, value, true)
  })
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': String(header.length),
  }
  const path = `v2/models/${encodeURIComponent(model)}/infer`
  const answer = await askJson<{ outputs: [{ data: number[] }] }>(path, { method: 'POST', headers, body })
  return answer.outputs[0].data
}

// Turns a drawing into an image like MNIST's: scaled to 20 × 20, with the centre of mass in the middle of 28 × 28

/** The pixels of the image, row by row, from 0 to 1; undefined if nothing is drawn. */
function toImage(alpha: Uint8ClampedArray): Float32Array | undefined {
  const at = (x: number, y: number) => (alpha[4 * (y * canvasSide + x) + 3] ?? 0) / 255
  let [left, top, right, bottom] = [canvasSide, canvasSide, -1, -1]
  for (let y = 0; y < canvasSide; y++) {
    for (let x = 0; x < canvasSide; x++) {
      if (at(x, y) === 0) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      top = Math.min(top, y)
      bottom = Math.max(bottom, y)
    }
  }
  if (right < 0) return undefined
  const scale = Math.max(right - left + 1, bottom - top + 1) / box
  const small = new Float32Array(box * box)
  let [mass, sumX, sumY] = [0, 0, 0]
  for (let y = 0; y < box; y++) {
    for (let x = 0; x < box; x++) {
      const value = meanOf(at, left + x * scale, top + y * scale, scale)
      small[y * box + x] = value
      mass += value
      sumX += value * (x + 0.5)
      sumY += value * (y + 0.5)
    }
  }
  const shiftX = Math.round(side / 2 - sumX / mass)
  const shiftY = Math.round(side / 2 - sumY / mass)
  const image = new Float32Array(side * side)
  small.forEach((value, i) => {
    const x = (i % box) + shiftX
    const y = Math.floor(i / box) + shiftY
    if (x >= 0 && x < side && y >= 0 && y < side) image[y * side + x] = value
  })
  return image
}

/** The mean over a square. Pixels on its edges count in proportion to their part inside. */
function meanOf(at: (x: number, y: number) => number, left: number, top: number, width: number): number {
  let sum = 0
  for (let y = Math.floor(top); y < top + width; y++) {
    const high = Math.min(y + 1, top + width) - Math.max(y, top)
    for (let x = Math.floor(left); x < left + width; x++) {
      const wide = Math.min(x + 1, left + width) - Math.max(x, left)
      if (x >= 0 && x < canvasSide && y >= 0 && y < canvasSide) sum += high * wide * at(x, y)
    }
  }
  return sum / width ** 2
}

// The answer

let changed = false
let asking = false
let spoken: ReturnType<typeof setTimeout> | undefined

/** Makes one request at a time. If the drawing changes meanwhile, another request follows. */
async function update(): Promise<void> {
  changed = true
  if (asking) return
  asking = true
  while (changed) {
    changed = false
    const image = toImage(ink.getImageData(0, 0, canvasSide, canvasSide).data)
    showSeen(image)
    if (image === undefined) {
      show(undefined)
      continue
    }
    try {
      const scaled = config?.summary.layers[0]?.kind === 'Rescaling' ? image.map((value) => 255 * value) : image
      const began = performance.now()
      const shares = await predict(scaled)
      show(shares, performance.now() - began)
    } catch (error) {
      say((error as Error).message, true)
    }
  }
  asking = false
}

function showSeen(image: Float32Array | undefined): void {
  const pixels = seen.createImageData(side, side)
  image?.forEach((value, i) => {
    pixels.data[4 * i + 3] = 255 * value
  })
  seen.putImageData(pixels, 0, 0)
}

const percent = (share: number) => `${Math.round(100 * share)} %`

function show(shares: readonly number[] | undefined, milliseconds = 0): void {
  const best = shares?.reduce((at, share, i) => (share > (shares[at] ?? 0) ? i : at), 0)
  for (let digit = 0; digit < 10; digit++) {
    const share = shares?.[digit] ?? 0
    element(`bar-${digit}`).style.transform = `scaleX(${Math.min(1, Math.max(0, share))})`
    element(`share-${digit}`).textContent = percent(share)
    element(`bar-${digit}`)
      .closest('li')
      ?.classList.toggle('best', digit === best)
  }
  const sure = best === undefined ? '' : percent(shares?.[best] ?? 0)
  element('digit').textContent = best === undefined ? '–' : String(best)
  element('confidence').textContent = best === undefined ? 'Nothing drawn yet' : `${sure} sure`
  element('latency').textContent = best === undefined ? '' : `answered in ${milliseconds.toFixed(1)} ms`
  clearTimeout(spoken)
  spoken = setTimeout(() => {
    element('spoken').textContent = best === undefined ? 'Nothing drawn' : `Looks like ${best}, ${sure} sure`
  }, 500)
}

// Drawing

type Point = readonly [x: number, y: number]

function stroke([fromX, fromY]: Point, [toX, toY]: Point): void {
  ink.lineWidth = penWidth
  ink.lineCap = 'round'
  ink.beginPath()
  ink.moveTo(fromX, fromY)
  ink.lineTo(toX, toY)
  ink.stroke()
  void update()
}

function clear(): void {
  ink.clearRect(0, 0, canvasSide, canvasSide)
  void update()
}

function pointOf({ clientX, clientY }: PointerEvent): Point {
  const { left, top, width, height } = canvas.getBoundingClientRect()
  return [((clientX - left) / width) * canvasSide, ((clientY - top) / height) * canvasSide]
}

let last: Point | undefined
canvas.addEventListener('pointerdown', (event) => {
  if (event.button !== 0) return
  canvas.setPointerCapture(event.pointerId)
  last = pointOf(event)
  stroke(last, last)
})
canvas.addEventListener('pointermove', (event) => {
  if (last === undefined) return
  for (const each of event.getCoalescedEvents?.() ?? [event]) {
    const next = pointOf(each)
    stroke(last, next)
    last = next
  }
})
for (const name of ['pointerup', 'pointercancel'] as const) {
  canvas.addEventListener(name, () => {
    last = undefined
  })
}
element('clear').addEventListener('click', clear)

const moves: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}
let cursor: Point = [canvasSide / 2, canvasSide / 2]
let penDown = false

function showPen(): void {
  pen.hidden = document.activeElement !== canvas || !canvas.matches(':focus-visible')
  pen.classList.toggle('down', penDown)
  pen.style.left = `${(100 * cursor[0]) / canvasSide}%`
  pen.style.top = `${(100 * cursor[1]) / canvasSide}%`
}

canvas.addEventListener('keydown', (event) => {
  const move = moves[event.key]
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (move !== undefined) {
    const within = (value: number) => Math.min(canvasSide - keyStep, Math.max(keyStep, value))
    const next: Point = [within(cursor[0] + keyStep * move[0]), within(cursor[1] + keyStep * move[1])]
    if (penDown) stroke(cursor, next)
    cursor = next
  } else if (event.key === ' ') {
    penDown = !penDown
    if (penDown) stroke(cursor, cursor)
    element('spoken').textContent = penDown ? 'Pen down' : 'Pen up'
  } else if (event.key === 'Delete' || event.key === 'Backspace') {
    penDown = false
    clear()
  } else {
    return
  }
  event.preventDefault()
  showPen()
})
canvas.addEventListener('focus', showPen)
canvas.addEventListener('blur', () => {
  penDown = false
  showPen()
})

// The model, and the server's statistics

function isDigits({ input, output }: Config): boolean {
  const pixels = input[0].dims.reduce((product, size) => product * size, 1)
  return input.length === 1 && output.length === 1 && pixels === side ** 2 && output[0].dims.join() === '10'
}

/** The shape of a tensor; with its name if there are several. */
function textOf(tensors: Tensors): string {
  const shapes = tensors.map(({ name, dims }) => `${tensors.length > 1 ? `${name} ` : ''}[n, ${dims.join(', ')}]`)
  return shapes.join(' and ')
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US')

async function open(name: string): Promise<void> {
  model = name
  history.length = 0
  before = undefined
  config = await askJson<Config>(`v2/models/${encodeURIComponent(name)}/config`)
  const { summary, device, version, max_batch_size: rows, input, output } = config
  document.title = `${name} – Neurode`
  element('draw').hidden = !isDigits(config)
  const shapes = `${textOf(input)} to ${textOf(output)}`
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
  const path = `v2/models/${encodeURIComponent(model)}/stats`
  const { model_stats: all } = await askJson<{ model_stats: (Stats & { version: string })[] }>(path)
  const stats = all.find(({ version }) => version === config?.version)
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
  token = element<HTMLInputElement>('token').value
  start().catch((error) => say(error.message, true))
})
setInterval(() => {
  if (config === undefined || document.hidden) return
  poll().catch((error) => say(error.message, true))
}, pollMilliseconds)
start().catch((error) => say(error.message, true))
