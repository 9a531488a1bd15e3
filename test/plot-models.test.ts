/** Plots of models: every layer has a box and every connection an arrow, and nothing covers anything else. */

import assert from 'node:assert/strict'
import { input, layers, type Model, model, type SymbolicTensor, sequential } from 'neurode'
import { type Picture, plot } from 'neurode/plot'
import { assertRefused } from './support/refusals.js'

interface Box {
  readonly name: string
  readonly texts: readonly string[]
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

interface Arrow {
  readonly title: string
  readonly from: string
  readonly to: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

function boxesOf({ svg }: Picture): Box[] {
  const found = svg.matchAll(
    /<rect x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)" rx[^>]*>((?:<text[^>]*>[^<]*<\/text>)+)/g,
  )
  return [...found].map(([, x, y, width, height, content]) => {
    const texts = [...(content as string).matchAll(/>([^<]+)</g)].map(([, text]) => text as string)
    const [left, top] = [Number(x), Number(y)]
    const name = texts[0]?.split(' ')[0] as string
    return { name, texts, left, top, right: left + Number(width), bottom: top + Number(height) }
  })
}

function arrowsOf({ svg }: Picture): Arrow[] {
  return [...svg.matchAll(/<g><title>(([^<]*) → ([^<]*))<\/title><path d="([^"]*)"/g)].map(([, ...parts]) => {
    const [title = '', from = '', to = '', path = ''] = parts
    return { title, from, to, points: pointsOf(path) }
  })
}

/** Points along a path of lines and cubic curves. */
function pointsOf(path: string): (readonly [x: number, y: number])[] {
  const points: (readonly [x: number, y: number])[] = []
  for (const [, command, numbers = ''] of path.matchAll(/([MLC])([^MLC]*)/g)) {
    const values = numbers.split(/[ ,]/).map(Number)
    const last = points.at(-1) ?? [values[0] as number, values[1] as number]
    const corners = command === 'C' ? values : [...last, ...values.slice(-2), ...values.slice(-2)]
    for (let i = 1; i <= 50; i++) {
      const at = (axis: 0 | 1) => {
        const [t, s] = [i / 50, 1 - i / 50]
        const weights = [s ** 3, 3 * s * s * t, 3 * s * t * t, t ** 3]
        const controls = [last[axis], corners[axis], corners[2 + axis], corners[4 + axis]] as number[]
        return controls.reduce((sum, value, k) => sum + value * (weights[k] as number), 0)
      }
      points.push(command === 'M' ? last : [at(0), at(1)])
    }
  }
  return points
}

/** Checks boxes and arrows, by the names of the layers, and that they are apart. Arrows go down, except those in `others`. */
function checkDrawing(
  picture: Picture,
  names: readonly string[],
  arrows: readonly string[],
  others: string[] = [],
): Box[] {
  const boxes = boxesOf(picture)
  const drawn = arrowsOf(picture)
  assert.deepEqual(boxes.map(({ name }) => name).sort(), names.toSorted())
  assert.deepEqual(drawn.map(({ title }) => title).sort(), [...arrows, ...others].sort())
  const boxOf = new Map(boxes.map((box) => [box.name, box]))
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      const isApart = a.right + 10 < b.left || b.right + 10 < a.left || a.bottom + 10 < b.top || b.bottom + 10 < a.top
      assert.ok(isApart, `${a.name} and ${b.name}`)
    }
    assert.ok(a.left >= 0 && a.right <= picture.width - 32 && a.bottom <= picture.height, `${a.name} is in the picture`)
  }
  for (const { title, from, to, points } of drawn) {
    for (const [x, y] of points) {
      const covered = boxes.find(
        (box) => x > box.left + 1 && x < box.right - 1 && y > box.top + 1 && y < box.bottom - 1,
      )
      assert.equal(covered?.name, undefined, `${title} crosses a box`)
      assert.ok(x >= 0 && x <= picture.width - 32, `${title} is in the picture`)
    }
    if (others.includes(title)) continue
    const [start, end] = [points[0], points.at(-1)] as [[number, number], [number, number]]
    const [above, below] = [boxOf.get(from), boxOf.get(to)] as [Box, Box]
    assert.ok(Math.abs(start[1] - above.bottom) < 0.2 && start[0] > above.left && start[0] < above.right, title)
    assert.ok(Math.abs(end[1] - below.top) < 0.2 && end[0] > below.left && end[0] < below.right, title)
  }
  const ends = drawn.map(({ points }) => String(points.at(-1)))
  assert.equal(new Set(ends).size, ends.length, 'each arrow has its own end')
  return boxes
}

const dense = (units: number, name?: string) => layers.dense({ units, ...(name === undefined ? {} : { name }) })

function residual(blocks: number): Model {
  const x = input({ shape: [8], name: 'x' })
  let h: SymbolicTensor = dense(16, 'first').apply(x)
  for (let i = 0; i < blocks; i++) {
    const inner = dense(16, `b${i}`).apply(dense(16, `a${i}`).apply(h))
    h = layers.add({ name: `add${i}` }).apply([h, inner])
  }
  return model({ inputs: x, outputs: dense(1, 'last').apply(h), name: 'residual' }) as unknown as Model
}

describe('plot.model', () => {
  it('draws a residual network: a straight chain, with skips beside it', async () => {
    const blocks = [...Array(12).keys()]
    const picture = await plot.model(residual(blocks.length))
    const names = ['x', 'first', 'last', ...blocks.flatMap((i) => [`a${i}`, `b${i}`, `add${i}`])]
    const arrows = blocks.flatMap((i) => {
      const before = i === 0 ? 'first' : `add${i - 1}`
      return [`${before} → a${i}`, `a${i} → b${i}`, `b${i} → add${i}`, `${before} → add${i}`]
    })
    const boxes = checkDrawing(picture, names, ['x → first', ...arrows, 'add11 → last'])
    for (const { name, left, right } of boxes) {
      const [first] = boxes as [Box]
      assert.ok(Math.abs(left + right - first.left - first.right) < 1, `${name} is in line`)
    }
    assert.equal(picture.title, 'residual')
    assert.ok(boxes.some(({ texts }) => String(texts) === 'a3 (Dense),[n, 16]'))
    const tops = new Map(boxes.map(({ name, top }) => [name, top]))
    assert.equal(Math.min(...tops.values()), tops.get('x'))
    assert.equal(Math.max(...tops.values()), tops.get('last'))
  })

  it('draws two inputs, wide and deep', async () => {
    const numeric = input({ shape: [3], name: 'numeric' })
    const city = input({ shape: [1], dtype: 'int32', name: 'city' })
    const vector = layers.embedding({ inputDim: 30, outputDim: 8, name: 'embed' }).apply(city)
    const flat = layers.flatten({ name: 'flat' }).apply(vector)
    const deep = dense(32, 'deep').apply(layers.concatenate({ name: 'joined' }).apply([numeric, flat]))
    const all = layers.concatenate({ name: 'all' }).apply([numeric, deep])
    const net = model({ inputs: { numeric, city }, outputs: dense(1, 'price').apply(all) })
    const picture = await plot.model(net, { showParameters: true, title: 'Prices' })
    const boxes = checkDrawing(
      picture,
      ['numeric', 'city', 'embed', 'flat', 'joined', 'deep', 'all', 'price'],
      [
        ...['city → embed', 'embed → flat', 'flat → joined', 'numeric → joined', 'joined → deep'],
        ...['deep → all', 'numeric → all', 'all → price'],
      ],
    )
    assert.equal(picture.title, 'Prices')
    const texts = boxes.map((box) => box.texts.join('; '))
    assert.ok(texts.includes('embed (Embedding); [n, 1, 8]; 240 parameters'), texts.join('\n'))
    assert.ok(texts.includes('numeric (Input); [n, 3]; 0 parameters'))
  })

  it('draws a Sequential model of 30 layers, with its input', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `layer${i}`)
    const [first, ...rest] = names as [string, ...string[]]
    const net = sequential([
      layers.dense({ units: 4, inputShape: [9], name: first }),
      ...rest.map((name) => dense(4, name)),
    ])
    const picture = await plot.model(net, { showShapes: false })
    const all = ['input', ...names]
    const boxes = checkDrawing(
      picture,
      all,
      names.map((name, i) => `${all[i]} → ${name}`),
    )
    assert.deepEqual(
      boxes.map(({ texts }) => texts.length),
      new Array(31).fill(1),
    )
    const given = sequential([layers.input({ shape: [9], name: 'given' }), dense(4, 'only')])
    checkDrawing(await plot.model(given), ['given', 'only'], ['given → only'])
  })

  it('draws a nested model as one box, with an arrow for each call', async () => {
    const tower = sequential([layers.dense({ units: 8, inputShape: [4] }), dense(2)], { name: 'tower' })
    const [left, right] = [input({ shape: [4], name: 'left' }), input({ shape: [4], name: 'right' })]
    const likeness = layers.dot({ axes: 1, name: 'likeness' }).apply([tower.apply(left), tower.apply(right)])
    const picture = await plot.model(model({ inputs: [left, right], outputs: likeness }))
    const arrows = ['left → tower', 'right → tower', 'tower → likeness', 'tower → likeness']
    const boxes = checkDrawing(picture, ['left', 'right', 'tower', 'likeness'], arrows)
    assert.ok(boxes.some(({ texts }) => String(texts) === 'tower (Sequential),[n, 2]'))
  })

  it('names several outputs in the boxes of their layers', async () => {
    const [x, t] = [input({ shape: [4], name: 'x' }), input({ shape: [4], name: 't' })]
    const pair = model({ inputs: t, outputs: [dense(2, 'a').apply(t), t], name: 'pair' })
    const [a, same] = pair.apply(x)
    const sum = layers.add({ name: 'sum' }).apply([same, x])
    const net = model({ inputs: x, outputs: { small: a, sum, given: x, again: sum } })
    const boxes = checkDrawing(await plot.model(net), ['x', 'pair', 'sum'], ['x → pair', 'pair → sum', 'x → sum'])
    assert.deepEqual(
      boxes.map(({ texts }) => texts.join('; ')),
      [
        'x (Input); [n, 4]; output given',
        'pair (Functional); [n, 2], [n, 4]; output small',
        'sum (Add); [n, 4]; output sum, again',
      ],
    )
  })

  it('draws layers that are applied to their own outputs', async () => {
    const x = input({ shape: [4], name: 'x' })
    const [again, back] = [dense(4, 'again'), dense(4, 'back')]
    let h: SymbolicTensor = x
    for (let i = 0; i < 3; i++) h = again.apply(h)
    h = again.apply(back.apply(h))
    const picture = await plot.model(model({ inputs: x, outputs: dense(1, 'last').apply(h) }))
    const arrows = ['x → again', 'again → back', 'again → last']
    const others = ['again → again', 'again → again', 'back → again']
    checkDrawing(picture, ['x', 'again', 'back', 'last'], arrows, others)
    const loops = arrowsOf(picture).filter(({ title }) => title === 'back → again')
    const [box] = boxesOf(picture).filter(({ name }) => name === 'again')
    assert.equal(loops[0]?.points.at(-1)?.[1], box?.bottom, 'the arrow up ends below the box')
  })

  it('draws graphs in which every layer reads all before it', async () => {
    const x = input({ shape: [2], name: 'x' })
    const outputs: SymbolicTensor[] = [x, dense(2, 'd0').apply(x)]
    const arrows = ['x → d0']
    for (let i = 1; i < 8; i++) {
      const joined = layers.add({ name: `add${i}` }).apply(outputs)
      arrows.push(...outputs.map(({ name }) => `${name} → add${i}`), `add${i} → d${i}`)
      outputs.push(dense(2, `d${i}`).apply(joined))
    }
    const net = model({ inputs: x, outputs: outputs.at(-1) as SymbolicTensor })
    checkDrawing(
      await plot.model(net),
      net.layers.map(({ name }) => name),
      arrows,
    )
  })

  it('makes boxes as wide as their names, and keeps signs that XML has to escape', async () => {
    const name = 'W'.repeat(40)
    const net = sequential([layers.dense({ units: 1, inputShape: [2], name }), dense(1, 'a<b>&"c"\u0001')])
    const picture = await plot.model(net)
    const [wide] = boxesOf(picture).filter((box) => box.name === name)
    // A W is as wide as the font is high.
    assert.ok((wide?.right as number) - (wide?.left as number) > 40 * 12)
    assert.ok(picture.svg.includes('a&#60;b&#62;&#38;&#34;c&#34;'))
    assert.ok((await picture.png({ scale: 1 })).length > 1000)
  })

  it('makes PNG files of pictures with too many pixels for the usual scale', async () => {
    const net = sequential([
      layers.dense({ units: 1, inputShape: [1] }),
      ...Array.from({ length: 700 }, () => dense(1)),
    ])
    const picture = await plot.model(net)
    assert.ok(4 * picture.width * picture.height > 2 ** 25)
    const png = Buffer.from(await picture.png())
    assert.ok(png.readUInt32BE(16) * png.readUInt32BE(20) <= 2 ** 25)
    await assertRefused(() => picture.png({ scale: 2 }), 'ERR_ARGUMENT', /png: scale/)
  })

  const refusals = [
    ['what is no model', () => plot.model({} as never), 'ERR_ARGUMENT', /model: expected a model/],
    ['nothing', () => plot.model(undefined as never), 'ERR_ARGUMENT', /model: expected a model/],
    ['a layer', () => plot.model(dense(1) as never), 'ERR_ARGUMENT', /model: expected a model/],
    ['a model without shapes', () => plot.model(sequential([dense(1)])), 'ERR_NOT_BUILT', /sequential/],
    [
      'shapes that are no boolean',
      () => plot.model(residual(1), { showShapes: 1 as never }),
      'ERR_ARGUMENT',
      /showShapes/,
    ],
    [
      'parameters that are no boolean',
      () => plot.model(residual(1), { showParameters: 'yes' as never }),
      'ERR_ARGUMENT',
      /showParameters/,
    ],
    [
      "Keras' spelling",
      () => plot.model(residual(1), { show_shapes: true } as never),
      'ERR_UNKNOWN_NAME',
      /showShapes/,
    ],
    ['a title that is no text', () => plot.model(residual(1), { title: 3 as never }), 'ERR_ARGUMENT', /title/],
  ] as const
  for (const [what, act, code, message] of refusals) {
    it(`refuses ${what}`, () => assertRefused(act, code, message))
  }
})
