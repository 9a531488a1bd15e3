/** Drawing a digit: the canvas, the image that the model gets, and its answer. */

import { askJson, element, percent, say, shown, speak } from './base.js'

const side = 28
/** The side of the square into which MNIST's digits are scaled, in pixels. */
const box = 20
const canvasSide = 280
const penWidth = 22
const keyStep = 10

const canvas = element<HTMLCanvasElement>('canvas')
const ink = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D
const seen = element<HTMLCanvasElement>('seen').getContext('2d') as CanvasRenderingContext2D
const pen = element('pen')

/** Whether a model reads digits: images of 28 × 28 in, ten numbers out. */
export function isDigits({ input, output }: Config): boolean {
  const pixels = input[0].dims.reduce((product, size) => product * size, 1)
  return input.length === 1 && output.length === 1 && pixels === side ** 2 && output[0].dims.join() === '10'
}

/** Sends rows as a binary tensor of the Open Inference Protocol: JSON, then float32 numbers, little-endian. */
async function predict(row: Float32Array): Promise<number[]> {
  const parameters = { binary_data_size: row.byteLength }
  const shape = [1, ...(shown.config?.input[0].dims ?? [])]
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
  const path = `v2/models/${encodeURIComponent(shown.model)}/infer`
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

/** Makes one request at a time. If the drawing changes meanwhile, another request follows. */
export async function update(): Promise<void> {
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
      const scaled = shown.config?.summary.layers[0]?.kind === 'Rescaling' ? image.map((value) => 255 * value) : image
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
  speak('spoken', best === undefined ? 'Nothing drawn' : `Looks like ${best}, ${sure} sure`)
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
