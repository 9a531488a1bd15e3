/** Places the boxes of a drawn graph, and routes its connections so that they pass beside boxes. */

import { type Connection, type Layering, layer } from './layering.js'

export interface Size {
  readonly width: number
  readonly height: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** A drawn graph: the left upper corner of each box, and the way of each connection. */
export interface Placing extends Size {
  readonly corners: readonly Point[]
  readonly routes: readonly Route[]
}

/** The way of a connection: straight lines where it passes a row, and curves between rows. */
export interface Route {
  /** Path data of SVG, from the first box to the second. */
  readonly path: string
  readonly end: Point
  /** Where the arrow at the end points to. */
  readonly direction: 'down' | 'up' | 'left'
}

const rounds = 8
const gapBetween = { boxes: 24, bends: 14 }
const rowGap = { least: 36, most: 96 }
/** Distance of the ends of connections from the corners of a box, and from each other. */
const ends = { inset: 14, apart: 14 }
const loop = { reach: 26, apart: 8 }

/** Places boxes of given sizes. */
export function placeGraph(sizes: readonly Size[], connections: readonly Connection[]): Placing {
  const layering = layer(sizes.length, connections)
  const loops = sizes.map((_, box) => connections.filter(([from, to]) => from === box && to === box).length)
  const room = (node: number) => {
    const { width = 0 } = sizes[node] ?? {}
    const count = loops[node] ?? 0
    return width + (count === 0 ? 0 : 2 * (loop.reach + loop.apart * count))
  }
  const centres = centre(layering, room, sizes.length)
  const spans = centres.map((x, node): Span => {
    const half = Math.max(0, (sizes[node]?.width ?? 0) / 2 - ends.inset)
    return [x - half, x + half]
  })
  const ports = connect(layering, spans, centres)
  const { tops, bottoms, height } = stack(layering, sizes, ports)
  const corners = sizes.map(({ width }, box) => ({ x: (centres[box] as number) - width / 2, y: tops[box] as number }))
  const routes = connections.map(([from], i): Route => {
    const way = layering.ways[i] as readonly number[]
    if (way.length === 1) {
      const before = connections.slice(0, i).filter(([a, b]) => a === from && b === from).length
      return loopAt(corners[from] as Point, sizes[from] as Size, before, loops[from] as number)
    }
    const legs = way.slice(1).map((node, leg): Leg => {
      const [start, end] = (ports[i] as readonly Span[])[leg] as Span
      return [
        { x: start, y: bottoms[way[leg] as number] as number },
        { x: end, y: tops[node] as number },
      ]
    })
    const isDown = way[0] === from
    const along = isDown ? legs : legs.toReversed().map(([start, end]): Leg => [end, start])
    return { path: pathOf(along), end: (along.at(-1) as Leg)[1], direction: isDown ? 'down' : 'up' }
  })
  const width = centres.reduce((most, x, node) => Math.max(most, x + room(node) / 2), 0)
  return { corners, routes, width, height }
}

type Span = readonly [low: number, high: number]
type Leg = readonly [start: Point, end: Point]

/** The horizontal centre of each node: chains of boxes are straight first of all, then connections that skip boxes. */
function centre({ rows, above, below, skips }: Layering, room: (node: number) => number, boxes: number): number[] {
  const isBend = (node: number) => node >= boxes
  const weigh = (a: number, b: number) => [1, 1e-6, 1e-3][Number(skips.has(a)) + Number(skips.has(b))] as number
  const centres: number[] = []
  const put = (row: readonly number[], near?: Layering['above']) => {
    const wishes = row.map((node) => {
      const others = (near?.[node] ?? []).map((other): Wish => {
        return { at: centres[other] as number, weight: weigh(node, other) }
      })
      return {
        at: middle(others) ?? centres[node] ?? 0,
        weight: others.reduce((sum, { weight }) => sum + weight, 1e-9),
      }
    })
    const gaps = row.slice(1).map((node, i) => {
      const before = row[i] as number
      const between = isBend(node) && isBend(before) ? gapBetween.bends : gapBetween.boxes
      return (room(before) + room(node)) / 2 + between
    })
    for (const [i, x] of spread(wishes, gaps).entries()) centres[row[i] as number] = x
  }
  for (const row of rows) put(row)
  for (let round = 0; round < rounds; round++) {
    for (const row of rows.slice(1)) put(row, above)
    for (const row of rows.slice(0, -1).toReversed()) put(row, below)
  }
  const left = centres.reduce((least, x, node) => Math.min(least, x - room(node) / 2), Infinity)
  return centres.map((x) => x - left)
}

interface Wish {
  readonly at: number
  readonly weight: number
}

/** The weighted median. */
function middle(wishes: readonly Wish[]): number | undefined {
  const sorted = wishes.toSorted((a, b) => a.at - b.at)
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2
  let sum = 0
  for (const [i, { at, weight }] of sorted.entries()) {
    sum += weight
    if (sum > half) return at
    if (sum === half) return (at + (sorted[i + 1]?.at ?? at)) / 2
  }
  return undefined
}

/** Positions as near to the wishes as gaps between neighbours allow: weighted least squares, by pooling adjacent violators. */
function spread(wishes: readonly Wish[], gaps: readonly number[]): number[] {
  const offsets = [0]
  for (const gap of gaps) offsets.push((offsets.at(-1) as number) + gap)
  const blocks: { sum: number; weight: number; count: number }[] = []
  for (const [i, { at, weight }] of wishes.entries()) {
    let block = { sum: weight * (at - (offsets[i] as number)), weight, count: 1 }
    for (let last = blocks.at(-1); last && last.sum / last.weight > block.sum / block.weight; last = blocks.at(-1)) {
      block = { sum: last.sum + block.sum, weight: last.weight + block.weight, count: last.count + block.count }
      blocks.pop()
    }
    blocks.push(block)
  }
  return blocks
    .flatMap(({ sum, weight, count }) => new Array<number>(count).fill(sum / weight))
    .map((x, i) => x + (offsets[i] as number))
}

/** Where each leg of each connection starts and ends horizontally: side by side at boxes, in the order of their other ends. */
function connect({ ways }: Layering, spans: readonly Span[], centres: readonly number[]): Span[][] {
  const ports = ways.map((way) => way.slice(1).map((): [number, number] => [0, 0]))
  const sides = new Map<string, { node: number; other: number; set: (x: number) => void }[]>()
  for (const [i, way] of ways.entries()) {
    for (const [leg, port] of (ports[i] as [number, number][]).entries()) {
      for (const side of [0, 1] as const) {
        const [node, other] = [way[leg + side] as number, way[leg + 1 - side] as number]
        const key = `${node} ${side}`
        const list = sides.get(key) ?? []
        sides.set(key, list)
        list.push({
          node,
          other,
          set: (x) => {
            port[side] = x
          },
        })
      }
    }
  }
  for (const list of sides.values()) {
    const sorted = list.toSorted((a, b) => (centres[a.other] as number) - (centres[b.other] as number))
    const [low, high] = spans[(list[0] as { node: number }).node] as Span
    const apart = Math.min(ends.apart, (high - low) / Math.max(1, list.length - 1))
    const wishes = sorted.map(({ other }) => {
      const [otherLow, otherHigh] = spans[other] as Span
      const at = (Math.max(low, otherLow) + Math.min(high, otherHigh)) / 2
      return { at: Math.min(Math.max(at, low), high), weight: 1 }
    })
    const places = spread(wishes, new Array<number>(list.length - 1).fill(apart))
    for (const [i, x] of places.entries()) {
      sorted[i]?.set(Math.min(Math.max(x, low + i * apart), high - (list.length - 1 - i) * apart))
    }
  }
  return ports
}

/** The vertical extent of each node. Rows are further apart where connections go far to the side. */
function stack({ rows, ways }: Layering, sizes: readonly Size[], ports: readonly (readonly Span[])[]) {
  const rowOf = new Map(rows.flatMap((row, i) => row.map((node) => [node, i] as const)))
  const shifts = rows.map(() => 0)
  for (const [i, way] of ways.entries()) {
    for (const [leg, [start, end]] of (ports[i] as readonly Span[]).entries()) {
      const row = rowOf.get(way[leg] as number) as number
      shifts[row] = Math.max(shifts[row] as number, Math.abs(end - start))
    }
  }
  const [tops, bottoms]: [number[], number[]] = [[], []]
  let top = 0
  let height = 0
  for (const [i, row] of rows.entries()) {
    height = top + Math.max(...row.map((node) => sizes[node]?.height ?? 0))
    for (const node of row) [tops[node], bottoms[node]] = [top, height]
    top = height + Math.min(rowGap.most, rowGap.least + (shifts[i] as number) / 8)
  }
  return { tops, bottoms, height }
}

function pathOf(legs: readonly Leg[]): string {
  const parts = legs.map(([start, end], i) => {
    const from = `${i === 0 ? 'M' : 'L'}${at(start)}`
    if (Math.abs(start.x - end.x) < 0.5) return `${from}L${at(end)}`
    const y = (start.y + end.y) / 2
    return `${from}C${at({ x: start.x, y })} ${at({ x: end.x, y })} ${at(end)}`
  })
  return parts.join('')
}

/** A connection of a box with itself, at its right. */
function loopAt({ x, y }: Point, { width, height }: Size, before: number, count: number): Route {
  const [right, middle] = [x + width, y + height / 2]
  const half = ((height / 2 - 6) * (before + 1)) / count
  const reach = right + loop.reach + loop.apart * before
  const [start, end] = [
    { x: right, y: middle + half },
    { x: right, y: middle - half },
  ]
  const path = `M${at(start)}C${at({ ...start, x: reach })} ${at({ ...end, x: reach })} ${at(end)}`
  return { path, end, direction: 'left' }
}

/** The coordinates of a point as in path data, to a tenth of a pixel. */
function at({ x, y }: Point): string {
  return `${Number(x.toFixed(1))},${Number(y.toFixed(1))}`
}
