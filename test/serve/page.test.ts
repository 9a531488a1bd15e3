/** The page in a real browser: drawing digits with the mouse and with the keyboard, its content and its appearance. */

/// <reference lib="dom" />

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { datasets, layers, optimizers, sequential } from 'neurode'
import { type InferenceServer, serve } from 'neurode/serve'
import type { Browser, Page } from 'playwright-core'
import { findChromium, launchChromium } from '../support/browser.js'
import { ask, constantModel, inferBody } from '../support/serving.js'

const screenshots = 'build/screenshots'

type Line = readonly (readonly [x: number, y: number])[]

/** Strokes in a square of 280 pixels. */
const strokes: Readonly<Record<number, readonly Line[]>> = {
  0: [
    Array.from({ length: 25 }, (_, i) => [140 + 60 * Math.sin(i * 0.2618), 140 - 90 * Math.cos(i * 0.2618)] as const),
  ],
  1: [[[142, 50], [138, 230]]], // biome-ignore format: points
  3: [[[90, 70], [130, 50], [180, 70], [180, 110], [130, 135], [185, 160], [190, 210], [140, 232], [85, 215]]], // biome-ignore format: points
  7: [[[80, 60], [200, 60], [125, 230]]], // biome-ignore format: points
}

describe('the page', function () {
  if (findChromium() === undefined) {
    it('needs Chromium, and there is none on the path')
    return
  }
  this.slow(20_000)
  let server: InferenceServer
  let browser: Browser
  let problems: string[] = []

  before(async () => {
    server = await serve({ models: { mnist: await trainedModel(), other: constantModel(1) }, port: 0, device: 'cpu' })
    browser = await launchChromium()
  })
  after(async () => {
    await browser?.close()
    await server?.close()
  })
  beforeEach(() => {
    problems = []
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    assert.deepEqual(problems, [])
  })

  const open = async (options: Parameters<Browser['newPage']>[0] = {}, url = server.url): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1000, height: 1200 }, ...options })
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('request', (request) => {
      if (!/^data:/.test(request.url()) && !request.url().startsWith(url)) problems.push(`asks for ${request.url()}`)
    })
    await page.goto(`${url}/`)
    return page
  }
  const connected = (page: Page) => page.getByText('Connected').waitFor()
  const canvasOf = (page: Page) => page.getByRole('application', { name: 'Drawing area' })
  const draw = async (page: Page, lines: readonly Line[]) => {
    const { x, y, width } = (await canvasOf(page).boundingBox()) ?? assert.fail('the canvas has no place')
    const to = ([left, top]: readonly [number, number]) => [x + (left * width) / 280, y + (top * width) / 280] as const
    for (const [first = [0, 0], ...others] of lines) {
      await page.mouse.move(...to(first as [number, number]))
      await page.mouse.down()
      for (const point of others) await page.mouse.move(...to(point), { steps: 4 })
      await page.mouse.up()
    }
  }
  const reads = (page: Page, digit: string) => page.locator('#digit', { hasText: digit }).waitFor()

  it('reads digits that are drawn, while they are drawn', async () => {
    const page = await open()
    await connected(page)
    for (const [digit, lines] of Object.entries(strokes)) {
      await draw(page, lines)
      await reads(page, digit)
      const bar = await page
        .locator(`#bar-${digit}`)
        .evaluate((fill) => new DOMMatrix(getComputedStyle(fill).transform).a)
      assert.ok(bar > 0.3, `the bar of ${digit} is at ${bar}`)
      assert.match((await page.locator('#latency').textContent()) ?? '', /^answered in \d+\.\d ms$/)
      await page.getByText(new RegExp(`^Looks like ${digit}, \\d+ % sure$`)).waitFor()
      await page.getByRole('button', { name: 'Clear' }).click()
      await reads(page, '–')
    }
  })

  it('fits what is drawn into the box and the middle that MNIST has', async () => {
    const page = await open()
    await connected(page)
    // A small digit in a corner.
    await draw(
      page,
      (strokes[7] ?? []).map((line) => line.map(([x, y]) => [x / 3, y / 3] as const)),
    )
    await reads(page, '7')
    const pixels = await page.evaluate(() => {
      const canvas = document.getElementById('seen') as unknown as HTMLCanvasElement
      return [...(canvas.getContext('2d')?.getImageData(0, 0, 28, 28).data ?? [])].filter((_, i) => i % 4 === 3)
    })
    const mass = pixels.reduce((sum, value) => sum + value, 0)
    const rows = Array.from({ length: 28 }, (_, y) => pixels.slice(28 * y, 28 * y + 28))
    const height = rows.filter((row) => row.some((value) => value > 0)).length
    assert.equal(height, 20)
    const centreX = pixels.reduce((sum, value, i) => sum + value * ((i % 28) + 0.5), 0) / mass
    const centreY = pixels.reduce((sum, value, i) => sum + value * (Math.floor(i / 28) + 0.5), 0) / mass
    assert.ok(Math.abs(centreX - 14) <= 0.5 && Math.abs(centreY - 14) <= 0.5, `${centreX}, ${centreY}`)
  })

  it('works with the keyboard alone', async () => {
    const page = await open()
    await connected(page)
    const focused = () => page.evaluate(() => document.activeElement?.id)
    for (let i = 0; i < 10 && (await focused()) !== 'canvas'; i++) await page.keyboard.press('Tab')
    assert.equal(await focused(), 'canvas')
    assert.ok(await page.locator('#pen').isVisible(), 'the place of the pen is shown')
    for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Space')
    for (let i = 0; i < 18; i++) await page.keyboard.press('ArrowDown')
    await reads(page, '1')
    await page.keyboard.press('Space')
    await page.keyboard.press('Delete')
    await reads(page, '–')
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'clear')
  })

  it('shows the model, its throughput and its batches', async () => {
    const page = await open()
    await connected(page)
    const table = page.getByRole('table')
    assert.deepEqual(await table.getByRole('row').nth(1).getByRole('cell').allTextContents(), [
      'dense',
      'Dense',
      '[n, 100]',
      '78,500',
    ])
    const body = inferBody(Array.from({ length: 6 }, () => new Array(784).fill(0)))
    const total = async () => Number((await page.locator('#total').textContent())?.replaceAll(',', ''))
    const before = await total()
    for (let i = 0; i < 5; i++) await ask(server.url, '/v2/models/mnist/infer', { body })
    // waitForFunction cannot be used: it evaluates text, which the page's security policy forbids.
    while ((await total()) < before + 30) await page.waitForTimeout(50)
    // If the page first read the counts late, it had no earlier ones to compare with, so more requests are sent.
    for (let i = 0; i < 100 && (await page.locator('#peak').textContent()) === '0'; i++) {
      await ask(server.url, '/v2/models/mnist/infer', { body })
      await page.waitForTimeout(100)
    }
    assert.notEqual(await page.locator('#peak').textContent(), '0')
    assert.match(
      (await page.getByLabel(/batches of 5–8 rows/).getAttribute('title')) ?? '',
      /^[1-9]\d* batches of 5–8 rows$/,
    )
  })

  it('shows a model of another shape without the drawing', async () => {
    const page = await open()
    await connected(page)
    await page.getByRole('combobox', { name: 'Model' }).selectOption('other')
    await page.getByText(/^other, version 1: \[n, 4\] to \[n, 8\]/).waitFor()
    assert.ok(await canvasOf(page).isHidden())
  })

  it('asks for the token where the server does', async () => {
    await using locked = await serve({ models: { m: constantModel(1) }, port: 0, device: 'cpu', tokens: ['secret'] })
    const page = await open({}, locked.url)
    const field = page.getByLabel('This server asks for a token')
    await field.fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('the token is not known').waitFor()
    await field.fill('secret')
    await page.getByRole('button', { name: 'Go on' }).click()
    await connected(page)
    assert.ok(await field.isHidden())
    // The browser reports every 401.
    assert.ok(problems.every((text) => /401/.test(text)))
    problems = []
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`can be read in ${colorScheme}, wide and narrow`, async () => {
      const page = await open({ colorScheme })
      await connected(page)
      await draw(page, strokes[3] ?? [])
      await reads(page, '3')
      await page.waitForTimeout(2200)
      mkdirSync(screenshots, { recursive: true })
      await page.screenshot({ path: `${screenshots}/${colorScheme}.png`, fullPage: true })
      for (const selector of ['body', '#keys', '#state', '#clear', '.share', 'th', 'td', 'figcaption', '#confidence']) {
        const ratio = await page.locator(selector).first().evaluate(contrast)
        assert.ok(ratio >= 4.5, `${selector}: the contrast is ${ratio.toFixed(2)}`)
      }
      await page.setViewportSize({ width: 360, height: 800 })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      assert.ok(wide <= 360, `${wide} pixels wide on a screen of 360`)
      await page.screenshot({ path: `${screenshots}/${colorScheme}-narrow.png`, fullPage: true })
    })
  }

  it('may load nothing and run nothing but what is in it', async () => {
    const answer = await ask(server.url, '/')
    const policy = String(answer.headers['content-security-policy'])
    assert.match(
      policy,
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';/,
    )
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    assert.doesNotMatch(answer.body.toString(), /\b(src|href)="(?!#|data:)/)
  })
})

/** The contrast ratio of WCAG between a text and its background. */
function contrast(element: Element): number {
  const luminance = (color: string) => {
    const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map((channel) => {
      const value = Number(channel) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  let behind: Element | null = element
  const background = (of: Element) => getComputedStyle(of).backgroundColor
  while (behind !== null && /, 0\)$|transparent/.test(background(behind))) behind = behind.parentElement
  const [light = 0, dark = 0] = [
    luminance(getComputedStyle(element).color),
    luminance(background(behind ?? element)),
  ].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

/** Trains on MNIST if it is available, else on synthetic digits: enough to recognize what the test draws. */
async function trainedModel() {
  const { train } = process.env.NEURODE_DATA ? await datasets.mnist() : datasets.syntheticDigits()
  const model = sequential({
    layers: [
      layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 50, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'categoricalCrossentropy', device: 'cpu' })
  await model.fit(train.images, train.labels, { batchSize: 64, epochs: 3, seed: 1, verbose: 0 })
  return model
}
