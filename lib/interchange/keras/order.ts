/** The order in which Keras has the layers of a graph, and computes their calls. */

/** A call of a layer. */
export interface Call {
  /** Number of the layer. */
  readonly layer: number
  /** Numbers of the calls that it reads. */
  readonly sources: readonly number[]
}

/** The calls that the outputs need, each after those that it reads, and the layers in Keras' order. */
export interface Order {
  readonly calls: readonly number[]
  readonly layers: readonly number[]
}

/**
 * Orders calls and layers by the number of calls up to an output, as Keras does, and as `traceGraph` does with tensors. `onCircle` is called
 * with the number of a call that needs its own result.
 */
export function orderOf(calls: readonly Call[], outputs: readonly number[], onCircle: (call: number) => never): Order {
  const { begun, finished } = walkBack(calls, outputs, onCircle)
  const depths = new Map<number, number>()
  const layerDepths = new Map<number, number>()
  for (const call of [...finished].reverse()) {
    const { layer, sources } = calls[call] as Call
    const depth = Math.max(depths.get(call) ?? 0, layerDepths.get(layer) ?? 0)
    depths.set(call, depth)
    layerDepths.set(layer, depth)
    for (const source of sources) depths.set(source, Math.max(depths.get(source) ?? 0, depth + 1))
  }
  const layerOf = (call: number) => (calls[call] as Call).layer
  const rank = new Map([...new Set([...begun].map(layerOf))].map((layer, i) => [layer, i]))
  const rankOf = (layer: number) => rank.get(layer) as number
  const depthOf = (call: number) => depths.get(call) as number
  const layerDepth = (layer: number) => layerDepths.get(layer) as number
  return {
    calls: [...finished].sort((a, b) => depthOf(b) - depthOf(a) || rankOf(layerOf(a)) - rankOf(layerOf(b))),
    layers: [...rank.keys()].sort((a, b) => layerDepth(b) - layerDepth(a)),
  }
}

function walkBack(calls: readonly Call[], outputs: readonly number[], onCircle: (call: number) => never) {
  const begun = new Set<number>()
  const finished = new Set<number>()
  for (const output of outputs) {
    const way: { readonly call: number; next: number }[] = []
    const begin = (call: number) => {
      if (begun.has(call)) return finished.has(call) ? undefined : onCircle(call)
      begun.add(call)
      way.push({ call, next: 0 })
    }
    begin(output)
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const source = (calls[top.call] as Call).sources[top.next++]
      if (source !== undefined) begin(source)
      else {
        finished.add(top.call)
        way.pop()
      }
    }
  }
  return { begun, finished }
}
