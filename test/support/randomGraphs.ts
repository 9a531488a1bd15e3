/** Random graphs, and what they compute, in float64. */

import {
  array,
  type Functional,
  input,
  layers,
  model,
  type NdArray,
  regularizers,
  type SymbolicTensor,
  sequential,
} from 'neurode'
import {
  type AnyLayer,
  activate,
  batchNormalizationOf,
  type Compute,
  denseOf,
  eachPiece,
  evaluate,
  layerNormalizationOf,
  merges,
  type Node,
  numbersOf,
  pointwise,
  type Rows,
  sizeOf,
  sum,
} from './graphReference.js'
import { Random } from './random.js'

export interface RandomGraph {
  readonly net: Functional
  /** Rows of all inputs, by name. */
  readonly data: (rows: number, seed: number) => Record<string, NdArray>
  /** The shapes of the outputs; every second graph has several, some of them inner tensors. */
  readonly outputs: readonly (readonly number[])[]
  /** What the loss of each output counts. */
  readonly lossWeights: readonly number[]
  /** Whether training draws random numbers. */
  readonly isNoisy: boolean
  /** Each output for rows of all inputs, and the penalties in the loss. */
  readonly reference: (data: Record<string, NdArray>, training: boolean) => { outputs: Rows[]; penalty: number }
}

/** Draws one graph: all of it follows from the seed. */
class Grower {
  readonly random: Random
  isNoisy = false
  /** Layers that may be called again, with the last size of what they read. */
  readonly #shared: { last: number; call: (node: Node) => Node }[] = []

  constructor(random: Random) {
    this.random = random
  }

  /** A call of a layer; shape and bits of the reference's result are those of the tensor. */
  call(layer: AnyLayer, from: readonly Node[], compute: Compute): Node {
    const tensors = from.map(({ tensor }) => tensor)
    const returned: SymbolicTensor | SymbolicTensor[] = layer.apply(tensors.length === 1 ? tensors[0] : tensors)
    // Models of several outputs have the one that counts last.
    return { tensor: [returned].flat().at(-1) as SymbolicTensor, from, compute }
  }

  dense(node: Node, units: number, activation = this.random.pick([...Object.keys(pointwise), 'softmax'])): Node {
    const l2 = this.random.next() < 0.2 ? 0.02 : 0
    const activity = this.random.next() < 0.15 ? 0.03 : 0
    const layer: AnyLayer = layers.dense({
      units,
      activation: activation as 'tanh',
      trainable: this.random.next() < 0.9,
      ...(l2 > 0 ? { kernelRegularizer: regularizers.l2(l2) } : {}),
      ...(activity > 0 ? { activityRegularizer: regularizers.l2(activity) } : {}),
    })
    const compute = denseOf(layer, { units, activation, l2, activity })
    return this.#share(node, (from) => this.call(layer, [from], compute))
  }

  batchNormalization(node: Node): Node {
    const layer: AnyLayer = layers.batchNormalization({ momentum: 0.8, trainable: this.random.next() < 0.85 })
    const compute = batchNormalizationOf(layer)
    return this.#share(node, (from) => this.call(layer, [from], compute))
  }

  layerNormalization(node: Node): Node {
    const layer: AnyLayer = layers.layerNormalization({ epsilon: 0.1 })
    const compute = layerNormalizationOf(layer)
    return this.#share(node, (from) => this.call(layer, [from], compute))
  }

  noise(node: Node): Node {
    this.isNoisy = true
    const layer = this.random.pick([
      () => layers.dropout(0.3),
      () => layers.gaussianNoise(0.2),
      () => layers.gaussianDropout(0.2),
      () => layers.alphaDropout(0.2),
    ])()
    return this.#share(node, (from) => this.call(layer, [from], ([rows]) => rows as Rows))
  }

  activation(node: Node): Node {
    const name = this.random.pick([...Object.keys(pointwise), 'softmax'])
    const width = node.tensor.shape.at(-1) as number
    return this.call(layers.activation(name as 'tanh'), [node], ([rows]) =>
      eachPiece(rows as Rows, width, (piece) => activate(name, piece)),
    )
  }

  slice(node: Node): Node {
    const width = node.tensor.shape.at(-1) as number
    const begin = this.random.below(width)
    const size = 1 + this.random.below(width - begin)
    return this.call(layers.slice({ begin, size }), [node], ([rows]) =>
      eachPiece(rows as Rows, width, (piece) => piece.slice(begin, begin + size)),
    )
  }

  /** Another order of the same numbers, or all positions in one, or one for all. */
  rearrange(node: Node): Node {
    const { shape } = node.tensor
    const [positions, width] = shape as [number, number]
    const size = sizeOf(shape)
    const same: Compute = ([rows]) => rows as Rows
    if (shape.length === 1) {
      const times = 2 + this.random.below(2)
      const repeated: Compute = ([rows]) => (rows as Rows).map((row) => Array.from({ length: times }, () => row).flat())
      if (size > 6 || this.random.next() < 0.4) {
        const across = [2, 3, 4].find((divisor) => size % divisor === 0) ?? 1
        return this.call(layers.reshape({ targetShape: [across, size / across] }), [node], same)
      }
      return this.call(layers.repeatVector({ n: times }), [node], repeated)
    }
    return this.random.pick([
      () => this.call(layers.flatten(), [node], same),
      () => this.call(layers.reshape({ targetShape: [size] }), [node], same),
      () =>
        this.call(layers.permute({ dims: [2, 1] }), [node], ([rows]) =>
          (rows as Rows).map((row) =>
            Array.from({ length: size }, (_, i) => row[(i % positions) * width + Math.floor(i / positions)] as number),
          ),
        ),
      () =>
        this.call(layers.globalAveragePooling1D(), [node], ([rows]) =>
          (rows as Rows).map((row) =>
            Array.from({ length: width }, (_, c) => sum(row.filter((_, i) => i % width === c)) / positions),
          ),
        ),
    ])()
  }

  merge(nodes: readonly Node[]): Node {
    const name = this.random.pick(Object.keys(merges))
    const used = name === 'subtract' ? nodes.slice(0, 2) : nodes
    const layer = layers[name as 'add']()
    const merged = merges[name] as (a: number, b: number) => number
    const scale = name === 'average' ? 1 / used.length : 1
    return this.call(layer, used, (inputs) =>
      (inputs[0] as Rows).map((row, r) =>
        row.map((_, i) => scale * inputs.map((rows) => (rows[r] as number[])[i] as number).reduce(merged)),
      ),
    )
  }

  dot(a: Node, b: Node): Node {
    const normalize = this.random.next() < 0.5
    const norm = (row: readonly number[]) => (normalize ? Math.sqrt(Math.max(sum(row.map((x) => x * x)), 1e-12)) : 1)
    return this.call(layers.dot({ axes: 1, normalize }), [a, b], ([left, right]) =>
      (left as Rows).map((row, r) => {
        const other = (right as Rows)[r] as readonly number[]
        return [sum(row.map((x, i) => x * (other[i] as number))) / norm(row) / norm(other)]
      }),
    )
  }

  concatenate(nodes: readonly Node[], axis = -1): Node {
    const { shape } = (nodes[0] as Node).tensor
    const place = axis < 0 ? shape.length + axis : axis - 1
    const outer = sizeOf(shape.slice(0, place))
    return this.call(layers.concatenate({ axis }), nodes, (inputs) =>
      (inputs[0] as Rows).map((_, r) =>
        Array.from({ length: outer }, (_, o) =>
          inputs.flatMap((rows) => {
            const row = rows[r] as readonly number[]
            const width = row.length / outer
            return row.slice(o * width, (o + 1) * width)
          }),
        ).flat(),
      ),
    )
  }

  /** A model as a layer, which may be applied several times. */
  nested(nodes: readonly Node[]): Node {
    const inner: Node[] = nodes.map(({ tensor }) => this.input(tensor.shape))
    const isChain = nodes.length === 1 && this.random.next() < 0.5
    let output: Node
    let net: AnyLayer
    if (isChain) {
      // The layers of the graph that the chain becomes are those that it was made of.
      const before = this.dense(inner[0] as Node, 1 + this.random.below(4), 'tanh')
      output = this.noise(before)
      net = sequential([before, output].map(({ tensor }) => tensor.sourceLayer as AnyLayer))
    } else {
      const pool = this.grow(inner, 3)
      output = this.join(pool)
      const outputs = [output.tensor]
      if (this.random.next() < 0.4) outputs.unshift(this.random.pick(pool).tensor)
      net = model({ inputs: inner.map(({ tensor }) => tensor), outputs })
    }
    const compute: Compute = (inputs, context) =>
      evaluate(output, new Map(inner.map((node, i) => [node, inputs[i] as Rows])), context)
    if (nodes.length > 1) return this.call(net, nodes, compute)
    const shape = String((nodes[0] as Node).tensor.shape)
    const call = (from: Node): Node => this.call(net, [from], compute)
    const again = (from: Node) => (String(from.tensor.shape) === shape ? call(from) : this.activation(from))
    return this.#share(nodes[0] as Node, again)
  }

  /** An inner tensor that is an input, of a nested model. */
  input(shape: readonly number[]): Node {
    return { tensor: input({ shape }), from: [], compute: () => [] }
  }

  /** Calls a layer, and notes that it may be called again. */
  #share(node: Node, call: (node: Node) => Node): Node {
    this.#shared.push({ last: node.tensor.shape.at(-1) as number, call })
    return call(node)
  }

  #repeat(node: Node): Node {
    const fitting = this.#shared.filter(({ last }) => last === node.tensor.shape.at(-1))
    return fitting.length === 0 ? this.activation(node) : this.random.pick(fitting).call(node)
  }

  /** Tensors of one shape: the first, and others made to fit by dense layers. */
  #alike(pool: readonly Node[]): Node[] {
    const first = this.random.pick(pool)
    const { shape } = first.tensor
    const others = Array.from({ length: 1 + this.random.below(2) }, () => {
      const same = pool.filter(({ tensor }) => String(tensor.shape) === String(shape))
      const near = pool.filter(
        ({ tensor }) =>
          tensor.shape.length === shape.length && String(tensor.shape.slice(0, -1)) === String(shape.slice(0, -1)),
      )
      return this.random.next() < 0.4
        ? this.random.pick(same)
        : this.dense(this.random.pick(near), shape.at(-1) as number)
    })
    return [first, ...others]
  }

  /** Adds calls to the pool of tensors; returns all of them. */
  grow(given: readonly Node[], calls: number): Node[] {
    const pool = [...given]
    const { random } = this
    for (let i = 0; i < calls; i++) {
      const node = random.pick(pool.slice(-4))
      const flat = pool.filter(({ tensor }) => tensor.shape.length === 1)
      const grown = random.pick<() => Node>([
        () => this.dense(node, 1 + random.below(5)),
        () => this.dense(node, 1 + random.below(5)),
        () => this.#repeat(node),
        () => this.#repeat(node),
        () => this.merge(this.#alike(pool)),
        () => this.merge(this.#alike(pool)),
        () => this.concatenate(this.#alike(pool), random.next() < 0.5 ? 1 : -1),
        () => this.batchNormalization(node),
        () => this.layerNormalization(node),
        () => this.noise(node),
        () => this.activation(node),
        () => this.slice(node),
        () => this.rearrange(node),
        () => {
          const [a, b] = flat.length > 0 ? this.#alike(flat) : []
          return a === undefined ? this.rearrange(node) : this.dot(a, b as Node)
        },
        () => (calls > 3 ? this.nested(random.next() < 0.6 ? [node] : [node, random.pick(pool)]) : this.dense(node, 2)),
      ])()
      if (sizeOf(grown.tensor.shape) <= 40) pool.push(grown)
    }
    return pool
  }

  /** One tensor that is computed from all in the pool that nobody reads. */
  join(pool: readonly Node[]): Node {
    const read = new Set(pool.flatMap(({ from }) => from))
    const open = pool.filter((node) => !read.has(node))
    const flat = open.map((node) =>
      node.tensor.shape.length === 1 ? node : this.call(layers.flatten(), [node], ([rows]) => rows as Rows),
    )
    return flat.length === 1 ? (flat[0] as Node) : this.concatenate(flat)
  }
}

const vocabulary = 6

/** Makes a random graph of one to three inputs. Graphs of one seed are equal, and share nothing. */
export function randomGraph(seed: number): RandomGraph {
  const random = new Random(seed)
  const grower = new Grower(random)
  const specs = Array.from({ length: 1 + random.below(3) }, (_, i) => ({
    name: `in${i}`,
    dtype: i === 0 ? ('float32' as const) : random.pick(['float32', 'int32', 'uint8'] as const),
    shape: random.pick<number[]>([[3], [4], [5], [3, 2], [2, 4]]),
  }))
  const sources: Node[] = specs.map(({ name, dtype, shape }) => ({
    tensor: input({ shape, name, dtype }),
    from: [],
    compute: () => [],
  }))
  const starts = sources.map((node, i) => {
    const { dtype } = specs[i] as (typeof specs)[number]
    if (dtype === 'uint8') {
      return grower.call(layers.rescaling({ scale: 1 / 128, offset: -1 }), [node], ([rows]) =>
        (rows as Rows).map((row) => row.map((x) => x / 128 - 1)),
      )
    }
    if (dtype === 'float32') return node
    const layer: AnyLayer = layers.embedding({ inputDim: vocabulary, outputDim: 2 })
    const flat = node.tensor.shape.length === 1 ? node : grower.call(layers.flatten(), [node], ([rows]) => rows as Rows)
    return grower.call(layer, [flat], ([rows]) => {
      const [table] = numbersOf(layer) as [number[]]
      return (rows as Rows).map((row) => row.flatMap((index) => table.slice(2 * index, 2 * index + 2)))
    })
  })
  const units = 1 + random.below(3)
  const pool = grower.grow(starts, 4 + random.below(9))
  const joined = grower.join([...new Set([...sources, ...pool])])
  const output = random.next() < 0.8 ? grower.dense(joined, units, random.pick(['linear', 'tanh', 'softmax'])) : joined
  const picked = Array.from({ length: seed % 2 === 1 ? 1 + random.below(3) : 0 }, () =>
    random.pick([...starts, ...pool]),
  )
  const nodes = [...picked, output]
  const net: unknown = model({
    inputs: sources.map(({ tensor }) => tensor),
    outputs: nodes.map(({ tensor }) => tensor),
    seed,
  })
  const rowsOf = (data: Record<string, NdArray>) => {
    const known = new Map<Node, Rows>()
    specs.forEach(({ name, shape }, i) => {
      const { data: numbers } = data[name] as NdArray
      const size = sizeOf(shape)
      const rows = Array.from({ length: numbers.length / size }, (_, r) => [...numbers.slice(r * size, (r + 1) * size)])
      known.set(sources[i] as Node, rows as Rows)
    })
    return known
  }
  return {
    net: net as Functional,
    isNoisy: grower.isNoisy,
    lossWeights: nodes.map((_, i) => 1 / (1 + i)),
    outputs: nodes.map(({ tensor }) => tensor.shape),
    data: (rows, dataSeed) => {
      const numbers = new Random(dataSeed)
      const make = { float32: 'normals', int32: 'classes', uint8: 'bytes' } as const
      return Object.fromEntries(
        specs.map(({ name, dtype, shape }) => [
          name,
          array(
            dtype === 'int32'
              ? numbers.classes(rows * sizeOf(shape), vocabulary)
              : numbers[make[dtype] as 'normals'](rows * sizeOf(shape)),
            [rows, ...shape],
          ),
        ]),
      )
    },
    reference: (data, training) => {
      const known = rowsOf(data)
      const context = { training, penalty: 0, penalized: new Set<object>() }
      return { outputs: nodes.map((node) => evaluate(node, known, context)), penalty: context.penalty }
    },
  }
}
