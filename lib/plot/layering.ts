/** Assigns the boxes of a drawn graph to rows, and orders each row so that few connections cross. */

/** A connection between two boxes, by their indices. */
export type Connection = readonly [from: number, to: number]

/** The rows of a drawing. Nodes are boxes, which come first, and bends: where a connection passes a row between its boxes. */
export interface Layering {
  /** The nodes of each row, top to bottom and left to right. */
  readonly rows: readonly (readonly number[])[]
  /** The nodes on the way of each connection, top to bottom: one node if it begins and ends at the same box. */
  readonly ways: readonly (readonly number[])[]
  /** The nodes in the row above that a node is connected to, for each node, and those in the row below. */
  readonly above: readonly (readonly number[])[]
  readonly below: readonly (readonly number[])[]
  /** The bends of connections that skip boxes: those between boxes that others connect as well. */
  readonly skips: ReadonlySet<number>
}

const sweeps = 12

/** Makes the rows of a graph. Each box comes below those that lead to it, except where the connections form a circle. */
export function layer(boxes: number, connections: readonly Connection[]): Layering {
  const order = orderOf(boxes, connections)
  const ranks = ranksOf(order, connections)
  const rows: number[][] = Array.from({ length: 1 + Math.max(...ranks) }, () => [])
  for (const box of order) rows[ranks[box] as number]?.push(box)
  let nodes = boxes
  const ways = connections.map(([from, to]) => {
    if (from === to) return [from]
    const [top, bottom] = (ranks[from] as number) < (ranks[to] as number) ? [from, to] : [to, from]
    const between = rows.slice((ranks[top] as number) + 1, ranks[bottom])
    return [top, ...between.map((row) => row[row.push(nodes++) - 1] as number), bottom]
  })
  const lists = (): number[][] => Array.from({ length: nodes }, () => [])
  const [above, below] = [lists(), lists()]
  for (const way of ways) {
    for (const [i, node] of way.slice(1).entries()) {
      above[node]?.push(way[i] as number)
      below[way[i] as number]?.push(node)
    }
  }
  const isSkip = skipsAmong(connections, ranks)
  const skips = new Set(ways.flatMap((way, i) => (isSkip[i] ? way.slice(1, -1) : [])))
  return { rows: uncross(rows, above, below), ways, above, below, skips }
}

/** An order in which boxes come after those that lead to them. A circle begins with its first box that others lead to. */
function orderOf(boxes: number, connections: readonly Connection[]): number[] {
  const waiting = new Array<number>(boxes).fill(0)
  const after: number[][] = Array.from({ length: boxes }, () => [])
  for (const [from, to] of connections) {
    if (from === to) continue
    waiting[to] = (waiting[to] as number) + 1
    after[from]?.push(to)
  }
  const order: number[] = []
  const known = new Set<number>()
  const reached = new Set<number>()
  const add = (box: number) => {
    known.add(box)
    order.push(box)
  }
  const all = [...waiting.keys()]
  for (const box of all) if (waiting[box] === 0) add(box)
  for (let next = 0; next < boxes; next++) {
    if (next === order.length) {
      const rest = all.filter((box) => !known.has(box))
      add(rest.find((box) => reached.has(box)) ?? (rest[0] as number))
    }
    for (const box of after[order[next] as number] as number[]) {
      reached.add(box)
      waiting[box] = (waiting[box] as number) - 1
      if (waiting[box] === 0 && !known.has(box)) add(box)
    }
  }
  return order
}

/** The row of each box: the number of connections on the longest way to it. */
function ranksOf(order: readonly number[], connections: readonly Connection[]): number[] {
  const place = new Map(order.map((box, i) => [box, i]))
  const before = new Map<number, number[]>(order.map((box) => [box, []]))
  for (const [from, to] of connections) {
    const isDown = (place.get(from) as number) < (place.get(to) as number)
    if (from !== to) before.get(isDown ? to : from)?.push(isDown ? from : to)
  }
  const ranks = new Array<number>(order.length).fill(0)
  for (const box of order) {
    for (const other of before.get(box) as number[]) {
      ranks[box] = Math.max(ranks[box] as number, (ranks[other] as number) + 1)
    }
  }
  return ranks
}

/** Whether each connection leads to where a longer way leads as well. */
function skipsAmong(connections: readonly Connection[], ranks: readonly number[]): boolean[] {
  const after: number[][] = ranks.map(() => [])
  const rank = (box: number) => ranks[box] as number
  for (const [from, to] of connections) if (rank(from) < rank(to)) after[from]?.push(to)
  return connections.map(([from, to]) => {
    const reached = new Set(after[from]?.filter((box) => rank(box) < rank(to)))
    for (const box of reached) {
      for (const next of after[box] as number[]) {
        if (next === to) return true
        if (rank(next) < rank(to)) reached.add(next)
      }
    }
    return false
  })
}

type Neighbours = readonly (readonly number[])[]

/** Orders each row by the medians of its neighbours in the rows above and below in turn, and returns the order with the fewest crossings. */
function uncross(rows: readonly (readonly number[])[], above: Neighbours, below: Neighbours) {
  let current = rows
  let best = { rows, crossings: countCrossings(rows, below) }
  for (let sweep = 0; sweep < sweeps && best.crossings > 0; sweep++) {
    current = sweep % 2 === 0 ? sortDown(current, above) : sortDown(current.toReversed(), below).toReversed()
    const crossings = countCrossings(current, below)
    if (crossings < best.crossings) best = { rows: current, crossings }
  }
  return best.rows
}

function sortDown(rows: readonly (readonly number[])[], before: Neighbours): number[][] {
  const places = new Map<number, number>()
  return rows.map((row) => {
    const keys = new Map(row.map((node, i) => [node, medianOf(before[node] as readonly number[], places) ?? i]))
    const sorted = row.toSorted((a, b) => (keys.get(a) as number) - (keys.get(b) as number))
    for (const [i, node] of sorted.entries()) places.set(node, i)
    return sorted
  })
}

function medianOf(nodes: readonly number[], places: ReadonlyMap<number, number>): number | undefined {
  const sorted = nodes.map((node) => places.get(node) as number).sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}

function countCrossings(rows: readonly (readonly number[])[], below: Neighbours): number {
  return rows.slice(1).reduce((sum, row, i) => {
    const places = new Map(row.map((node, place) => [node, place]))
    const ends = (rows[i] as readonly number[]).map((node) => {
      return (below[node] as readonly number[]).map((other) => places.get(other) as number)
    })
    return sum + countInversions(ends, row.length)
  }, 0)
}

/** The number of pairs in different lists of which the earlier one is larger. */
function countInversions(lists: readonly (readonly number[])[], size: number): number {
  const seen = new Array<number>(size).fill(0)
  let inversions = 0
  for (const list of lists) {
    for (const value of list) for (let i = value + 1; i < size; i++) inversions += seen[i] as number
    for (const value of list) seen[value] = (seen[value] as number) + 1
  }
  return inversions
}
