/** Plots as SVG, PNG and HTML: their content, and the calls that are refused. */

import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inflateSync } from 'node:zlib'
import { array, layers, type Sequential, sequential } from 'neurode'
import { type Picture, plot } from 'neurode/plot'
import { itInChromium, openPage } from './support/browser.js'
import { runNode } from './support/children.js'
import { assertRefused } from './support/refusals.js'

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]

let folder = ''

function textsOf({ svg }: Picture): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text = '']) => text)
}

function count({ svg }: Picture, element: string): number {
  return svg.split(`<${element} `).length - 1
}

/** Decodes a PNG file of eight bits without interlacing into the colours of its pixels. */
function decodePng(bytes: Uint8Array): { width: number; height: number; pixel: (x: number, y: number) => number[] } {
  const file = Buffer.from(bytes)
  const [width, height, channels] = [file.readUInt32BE(16), file.readUInt32BE(20), file[25] === 6 ? 4 : 3]
  const data: Buffer[] = []
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)))
  }
  const raw = inflateSync(Buffer.concat(data))
  const stride = width * channels
  const rows = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] as number
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? (rows[y * stride + i - channels] as number) : 0
      const up = y > 0 ? (rows[(y - 1) * stride + i] as number) : 0
      const corner = i >= channels && y > 0 ? (rows[(y - 1) * stride + i - channels] as number) : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] as number
      rows[y * stride + i] = (raw[y * (stride + 1) + 1 + i] as number) + guess
    }
  }
  return {
    width,
    height,
    pixel: (x, y) => [...rows.subarray(y * stride + x * channels, y * stride + x * channels + 3)],
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const distances = [left, up, corner].map((value) => Math.abs(guess - value))
  return [left, up, corner][distances.indexOf(Math.min(...distances))] as number
}

/** The number of dark pixels where a title begins, at a scale of 1. */
function titleInk(pixel: (x: number, y: number) => number[]): number {
  let inked = 0
  for (let x = 16; x < 80; x++) for (let y = 14; y < 34; y++) if ((pixel(x, y)[0] as number) < 128) inked++
  return inked
}

function embedded({ svg }: Picture) {
  return [...svg.matchAll(/data:image\/png;base64,([^"]*)/g)].map(([, text = '']) =>
    decodePng(Buffer.from(text, 'base64')),
  )
}

function neuron(): Sequential {
  const model = sequential([layers.dense({ units: 1, activation: 'sigmoid', inputShape: [2] })])
  model.setWeights([[[10], [0]], [-5]])
  return model as unknown as Sequential
}

describe('neurode/plot', function () {
  this.slow(10_000)
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'neurode-plot-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('draws a history: a panel for each value, with its validation', async () => {
    const picture = await plot.history({
      loss: Float64Array.of(3, 2, 1),
      accuracy: [0.1, 0.2, 0.3],
      val_loss: [3.5, 2.5, 1.5],
      val_accuracy: [0.1, 0.15, 0.2],
    })
    const texts = textsOf(picture)
    for (const text of ['Training', 'loss', 'val_loss', 'accuracy', 'val_accuracy', 'epoch'])
      assert.ok(texts.includes(text), text)
    assert.equal(picture.svg.match(/stroke-dasharray/g)?.length, 4, 'two dashed curves and their keys')
  })

  it('takes what fit gives', async () => {
    using model = sequential([layers.dense({ units: 1, inputShape: [1] })])
    const compiled = model.compile({ loss: 'mse', device: 'cpu' })
    const result = await compiled.fit([[1], [2]], [1, 2], { epochs: 3, verbose: 0 })
    assert.equal((await plot.history(result)).svg, (await plot.history(result.history)).svg)
  })

  it('draws lines and points where they belong', async () => {
    const line = await plot.line(
      { up: [0, 1, 2], down: [2, 1, 0] },
      { x: [10, 20, 30], xLabel: 'time', yLabel: 'height' },
    )
    for (const text of ['up, down', 'time', 'height', '10', '30']) assert.ok(textsOf(line).includes(text), text)
    const points = await plot.scatter([1, 2, 3], [3, 1, 2], {
      title: 'Points <&>',
      diagonal: true,
      yLabel: 'b',
      xLabel: 'a',
    })
    assert.equal(count(points, 'circle'), 3)
    assert.ok(points.svg.includes('Points &#60;&#38;&#62;'))
    assert.ok(textsOf(points).includes('b = a'))
  })

  it('counts the confusion matrix from indices, rows, and single outputs', async () => {
    const expected = ['3', '1', '1']
    const numbers = (picture: Picture) =>
      textsOf(picture)
        .filter((text) => /^[1-9]$/.test(text))
        .slice(-3)
    const labels = [0, 0, 0, 1, 1]
    const byIndex = await plot.confusionMatrix(labels, [0, 0, 0, 0, 1])
    assert.deepEqual(numbers(byIndex), expected)
    assert.ok(textsOf(byIndex).includes('Confusion matrix: 4 of 5 right'))
    const rows = await plot.confusionMatrix(
      [
        [1, 0],
        [1, 0],
        [1, 0],
        [0, 1],
        [0, 1],
      ],
      [
        [0.9, 0.1],
        [0.8, 0.2],
        [0.7, 0.3],
        [0.6, 0.4],
        [0, 1],
      ],
    )
    assert.deepEqual(numbers(rows), expected)
    const single = await plot.confusionMatrix(labels, array([0.1, 0.2, 0.3, 0.4, 0.9], [5, 1]))
    assert.deepEqual(numbers(single), expected)
    const matrix = await plot.confusionMatrix(
      [
        [3, 0],
        [1, 1],
      ],
      { classes: ['cat', 'dog'] },
    )
    assert.deepEqual(numbers(matrix), expected)
    assert.ok(textsOf(matrix).includes('dog'))
  })

  it('draws images pixel by pixel', async () => {
    const picture = await plot.images(array(Uint8Array.of(0, 255, 0, 255, 0, 0), [1, 6]), {
      shape: [2, 3],
      labels: ['corner'],
    })
    const [image] = embedded(picture)
    assert.deepEqual([image?.width, image?.height], [3, 2])
    assert.deepEqual(image?.pixel(1, 0), [0, 0, 0])
    assert.deepEqual(image?.pixel(0, 1), [0, 0, 0])
    assert.deepEqual(image?.pixel(2, 1), [255, 255, 255])
    assert.ok(textsOf(picture).includes('corner'))
  })

  it("draws each unit's weights as an image", async () => {
    const kernel = new Float32Array(18)
    kernel[2 * 4] = 1 // unit 0, the pixel in the middle
    kernel[1] = -1 // unit 1, the first pixel
    const tiles = embedded(await plot.weights(array(kernel, [9, 2])))
    assert.equal(tiles.length, 2)
    assert.deepEqual(tiles[0]?.pixel(1, 1), [178, 24, 43])
    assert.deepEqual(tiles[1]?.pixel(0, 0), [33, 102, 172])
    assert.deepEqual(tiles[1]?.pixel(1, 1), [247, 247, 247])
  })

  it('draws the boundary where the model gives one half', async () => {
    using model = neuron()
    const picture = await plot.decisionBoundary(model, { x: corners, y: [0, 0, 1, 1], xRange: [0, 1], yRange: [0, 1] })
    const [field] = embedded(picture)
    const [left, right] = [field?.pixel(1, 50) ?? [], field?.pixel(238, 50) ?? []]
    assert.ok((left[2] as number) > (left[0] as number), `blue on the left: ${left}`)
    assert.ok((right[0] as number) > (right[2] as number), `orange on the right: ${right}`)
    for (const text of ['class 0', 'class 1', 'first input', 'second input'])
      assert.ok(textsOf(picture).includes(text), text)
    const named = await plot.decisionBoundary(model, { x: corners, y: [0, 0, 1, 1], classes: ['cat', 'dog'] })
    for (const text of ['cat', 'dog']) assert.ok(textsOf(named).includes(text), text)
  })

  it('writes SVG and PNG, with text that needs no fonts of the machine', async () => {
    const picture = await plot.line({ a: [1, 2] }, { title: 'WWWW' })
    await picture.save(join(folder, 'line.svg'))
    assert.equal(readFileSync(join(folder, 'line.svg'), 'utf8'), picture.svg)
    await picture.save(join(folder, 'line.png'), { scale: 1 })
    const { width, height, pixel } = decodePng(readFileSync(join(folder, 'line.png')))
    assert.deepEqual([width, height], [picture.width, picture.height])
    assert.deepEqual(pixel(0, 0), [255, 255, 255])
    const inked = titleInk(pixel)
    assert.ok(inked > 100, `${inked} dark pixels where the title is`)
  })

  it('draws what its fonts lack with those of the machine, signs as well as letters', async function () {
    const inkOf = async (title: string) => {
      const picture = await plot.line({ a: [1, 2] }, { title })
      return titleInk(decodePng(await picture.png({ scale: 1 })).pixel)
    }
    // A machine without a font for a letter draws nothing for it.
    if ((await inkOf('Ж')) === 0) this.skip()
    for (const sign of '€™‰₂') {
      const inked = await inkOf(sign)
      assert.ok(inked > 3, `${sign}: ${inked} dark pixels where the title is`)
    }
  })

  it('draws titles with characters that XML must not contain', async () => {
    for (const sign of '\u0001\u0085\ud800\uffff') {
      const picture = await plot.line({ a: [1, 2] }, { title: `a${sign}b` })
      assert.ok(titleInk(decodePng(await picture.png({ scale: 1 })).pixel) > 10, JSON.stringify(sign))
    }
  })

  it('labels axes of very small and very large values in powers of ten', async () => {
    const labels = async (scale: number) => {
      const picture = await plot.line({ a: [scale, 2 * scale] }, { x: [0, 3 * scale] })
      return textsOf(picture).filter((text) => /\d/.test(text))
    }
    for (const [scale, ticks] of [
      [1e-7, ['0', '5e−8', '1e−7', '1.2e−7', '2e−7']],
      [1e20, ['0', '5e19', '1e20', '1.2e20', '2e20']],
      [-1e-7, ['0', '−5e−8', '−1e−7', '−1.2e−7', '−2e−7']],
    ] as const) {
      const texts = await labels(scale)
      for (const tick of ticks) assert.ok(texts.includes(tick), `${tick} is among ${texts}`)
      assert.ok(texts.every((text) => text.length <= 8))
    }
    assert.ok((await labels(1)).includes('1.2'))
    assert.ok((await labels(1e5)).includes('120,000'))
  })

  const refusals = [
    ['history of nothing', () => plot.history({}), 'ERR_ARGUMENT', /history/],
    [
      'lines of different lengths',
      () => plot.line({ a: [1, 2, 3] }, { x: [1, 2] }),
      'ERR_SHAPE',
      /lines\.a: expected 2 values/,
    ],
    ['a number for lines', () => plot.line(3 as never), 'ERR_ARGUMENT', /lines/],
    ['an option that is none', () => plot.line({ a: [1] }, { tilte: '' } as never), 'ERR_UNKNOWN_NAME', /title/],
    ['points of different numbers', () => plot.scatter([1, 2], [1]), 'ERR_SHAPE', /y: expected 2 values/],
    ['a matrix that is no square', () => plot.confusionMatrix([[1, 2]]), 'ERR_SHAPE', /matrix/],
    ['more labels than predictions', () => plot.confusionMatrix([0, 1], [0]), 'ERR_SHAPE', /predictions/],
    ['negative labels', () => plot.confusionMatrix([0, -1], [0, 1]), 'ERR_LABEL_RANGE', /labels\[1\]/],
    [
      'rows of several labels',
      () => plot.confusionMatrix(array([1, 0, 1, 1], [2, 2]), array([1, 0, 1, 0], [2, 2])),
      'ERR_ARGUMENT',
      /labels: expected rows with one largest value, got several in row 1/,
    ],
    ['labels that are no classes', () => plot.confusionMatrix([1e9], [1]), 'ERR_LABEL_RANGE', /classes/],
    ['images of no square', () => plot.images(array(new Float32Array(7), [1, 7])), 'ERR_SHAPE', /shape/],
    ['weights of no kernel', () => plot.weights([1, 2, 3]), 'ERR_SHAPE', /kernel/],
    ['a layer that is not there', () => plot.weights(neuron(), { layer: 7 }), 'ERR_ARGUMENT', /layer/],
    [
      'a model of other inputs',
      () => plot.decisionBoundary(sequential([layers.dense({ units: 1, inputShape: [3] })]) as never),
      'ERR_SHAPE',
      /two inputs/,
    ],
    [
      'too few names of classes',
      () => plot.decisionBoundary(neuron(), { x: corners, y: [0, 0, 1, 1], classes: ['a'] }),
      'ERR_ARGUMENT',
      /classes: expected 2 names/,
    ],
    ['a range that is none', () => plot.decisionBoundary(neuron(), { xRange: [1, 1] }), 'ERR_ARGUMENT', /xRange/],
    ['a report of no pictures', () => plot.report('report.html', [3 as never]), 'ERR_ARGUMENT', /content\[0\]/],
    ['another ending', async () => (await plot.line({ a: [1] })).save('a.gif'), 'ERR_ARGUMENT', /\.svg or \.png/],
    [
      'a folder that is not there',
      async () => (await plot.line({ a: [1] })).save('/none/a.svg'),
      'ERR_FILE_WRITE',
      /none/,
    ],
  ] as const
  for (const [what, act, code, message] of refusals) {
    it(`refuses ${what}`, () => assertRefused(act, code, message))
  }

  it('says what to install where what draws is missing', async () => {
    const install = 'npm install @observablehq/plot linkedom @resvg/resvg-js'
    // A copy of the library in a place where Node finds no packages.
    const copy = join(folder, 'copy')
    const dist = fileURLToPath(new URL('.', import.meta.resolve('neurode')))
    cpSync(dist, join(copy, 'dist'), { recursive: true })
    writeFileSync(join(copy, 'package.json'), readFileSync(join(dist, '..', 'package.json')))
    const program = join(copy, 'program.mjs')
    writeFileSync(
      program,
      `import { plot } from ${JSON.stringify(pathToFileURL(join(copy, 'dist', 'plot', 'index.js')).href)}
       await plot.line({ a: [1, 2] }).catch(({ code, message }) => console.log(code, message))`,
    )
    const { stdout, stderr } = await runNode([program])
    assert.equal(
      stdout.trim(),
      `ERR_PACKAGE_MISSING neurode/plot needs the package @observablehq/plot. Pictures take: ${install}`,
      stderr,
    )
    // The error has to come before a long training that ends with a plot.
    assert.match(
      stderr,
      /neurode\/plot draws nothing without @observablehq\/plot and linkedom\. Pictures take: npm install/,
    )
  })

  itInChromium('reports a training of the command line in one file that a browser shows', async (browser) => {
    const main = fileURLToPath(new URL('./cli/main.js', import.meta.resolve('neurode')))
    const path = join(folder, 'report.html')
    const args = ['train', 'mnist', '--dataset', 'synthetic', '--epochs', '2', '--device', 'cpu', '--report', path]
    const { code, stderr } = await runNode([main, ...args], {}, 200_000)
    assert.equal(code, 0, stderr)
    const { page, problems } = await openPage(browser)
    await page.goto(pathToFileURL(path).href)
    const titles = await page.evaluate("[...document.querySelectorAll('figure > svg')].map((each) => each.ariaLabel)")
    const [training, confusion, wrong, weights] = titles as string[]
    assert.deepEqual([training, weights], ['Training', 'Weights of the first layer'])
    assert.match(confusion ?? '', /^Confusion matrix: \d+ of 10000 right$/)
    assert.match(wrong ?? '', /^Misclassified digits/)
    const sizes = await page.evaluate(
      "[...document.querySelectorAll('figure > svg')].map((each) => each.getBoundingClientRect()).map(({ width, height }) => [width, height])",
    )
    assert.equal((sizes as number[][]).length, 4)
    for (const [width = 0, height = 0] of sizes as number[][])
      assert.ok(width > 200 && height > 100, `${width} × ${height}`)
    const missing = await page.evaluate(
      "Promise.all([...document.querySelectorAll('image')].map((each) => each.decode ? each.decode().then(() => 0, () => 1) : 0))",
    )
    assert.equal(
      (missing as number[]).reduce((sum, each) => sum + each, 0),
      0,
    )
    if (process.env.NEURODE_SCREENSHOTS) {
      await page.screenshot({ path: `${process.env.NEURODE_SCREENSHOTS}/report.png`, fullPage: true })
    }
    assert.deepEqual(problems, [])
  })

  it('refuses to write a report where there is no folder', async () => {
    await assertRefused(() => plot.report('/none/report.html', []), 'ERR_FILE_WRITE', /none/)
  })
})
